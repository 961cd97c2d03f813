#include "zenith/wire/shared_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <functional>
#include <mutex>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

#include "segment.hpp"
#include "zenith/core/log.hpp"

namespace zenith::wire {
namespace {

constexpr std::uint64_t kLeastSlot = 16u << 10, kSegmentBytes = 4u << 20;
constexpr std::uint32_t kMostSlots = 64;
constexpr std::size_t kMostMappings = 64;  // of others' segments
constexpr Duration kLookAtDead = std::chrono::seconds(1);

/// What the owner knows of a slot; the mutex's, but for `leased`.
struct Slot {
  std::uint32_t generation = 0;
  bool sent = false;
  std::atomic<bool> leased{false};  // a Buffer of this process holds it
  Instant sent_at{};
};

struct Segment {
  Segment(std::uint64_t name, Claim held, std::shared_ptr<Mapping> mapped)
      : id(name), claim(std::move(held)), mapping(std::move(mapped)), slots(mapping->slots()) {}
  std::uint64_t id;
  Claim claim;
  std::shared_ptr<Mapping> mapping;
  std::vector<Slot> slots;
  Instant looked_at{};
};

/// A Buffer's hold on a slot of this process.
struct Lease {
  std::shared_ptr<Segment> segment;
  std::uint32_t slot;
  Lease(std::shared_ptr<Segment> of, std::uint32_t index) : segment(std::move(of)), slot(index) {}
  ~Lease() { segment->slots[slot].leased.store(false, std::memory_order_release); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
};

/// A Buffer's claim on a slot of another process; given back in the end.
struct Claimed {
  std::shared_ptr<Mapping> mapping;
  std::uint32_t slot;
  SlotWord word;
  Claimed(std::shared_ptr<Mapping> of, std::uint32_t index, SlotWord held)
      : mapping(std::move(of)), slot(index), word(held) {}
  ~Claimed() {
    std::uint64_t mine = word.packed();
    mapping->word(slot).compare_exchange_strong(mine, SlotWord{word.generation, 0, SlotState::free}.packed(),
                                                std::memory_order_release, std::memory_order_relaxed);
  }
  Claimed(const Claimed&) = delete;
  Claimed& operator=(const Claimed&) = delete;
};

std::uint64_t random_id() {
  std::random_device entropy;
  return std::uint64_t{entropy()} << 32 | entropy();
}

}  // namespace

struct SharedMemory::Impl {
  Impl(RunDir dir, SharedMemoryOptions wanted) : run_dir(std::move(dir)), options(wanted) {}
  RunDir run_dir;
  SharedMemoryOptions options;
  SystemClock clock;
  std::uint32_t me = 0;
  Claim alive;

  mutable std::mutex mutex;
  std::vector<std::shared_ptr<Segment>> segments;
  SharedMemoryCounters counters;
  std::unordered_map<std::uint64_t, std::shared_ptr<Mapping>> others;

  struct Place {
    std::shared_ptr<Segment> segment;
    std::uint32_t slot = 0;
  };
  std::optional<Place> find_free(std::size_t bytes);
  std::optional<Place> add_segment(std::uint64_t slot_bytes);
  void drop_empty();
  bool is_free(Segment& segment, std::uint32_t slot, bool look_at_dead);
  std::optional<Place> leased_place(const Buffer& buffer) const;
  SharedRef publish(const Place& place, std::size_t bytes);
  Expected<std::shared_ptr<Mapping>> mapping_of(std::uint64_t segment);
  tl::unexpected<Error> refuse(std::string what);
};

SharedMemory::SharedMemory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SharedMemory::~SharedMemory() = default;

Expected<std::unique_ptr<SharedMemory>> SharedMemory::open(const RunDir& run_dir, SharedMemoryOptions options) {
  auto impl = std::make_unique<Impl>(run_dir, options);
  for (int attempt = 0; attempt < 4; ++attempt) {
    impl->me = static_cast<std::uint32_t>(random_id()) >> 2 | 1u;
    auto alive = Claim::take(live_file(run_dir.path(), impl->me));
    if (alive) {
      impl->alive = std::move(*alive);
      return std::unique_ptr<SharedMemory>{new SharedMemory{std::move(impl)}};
    }
    if (alive.error().code != Errc::unavailable) return tl::make_unexpected(alive.error());
  }
  return fail(Errc::internal, "no free name for a reader of shared memory");
}

const RunDir& SharedMemory::run_dir() const noexcept { return impl_->run_dir; }

SharedMemoryCounters SharedMemory::counters() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->counters;
}

std::optional<SharedMemory::Room> SharedMemory::allocate(std::size_t bytes) {
  const std::lock_guard lock(impl_->mutex);
  const auto place = impl_->find_free(bytes);
  if (!place) return std::nullopt;
  Slot& slot = place->segment->slots[place->slot];
  slot.leased.store(true, std::memory_order_relaxed);
  slot.sent = false;
  const std::span<std::byte> room{place->segment->mapping->data(place->slot), bytes};
  return Room{room, Buffer{std::make_shared<Lease>(place->segment, place->slot), room}};
}

std::optional<SharedRef> SharedMemory::share(const Tensor& tensor) {
  const std::size_t bytes = tensor.data.size();
  if (bytes < impl_->options.at_least) return std::nullopt;
  Impl::Place place;
  {
    const std::lock_guard lock(impl_->mutex);
    if (const auto own = impl_->leased_place(tensor.data)) return impl_->publish(*own, bytes);
    const auto found = impl_->find_free(bytes);
    if (!found) {
      ++impl_->counters.full;
      return std::nullopt;
    }
    place = *found;
    place.segment->slots[place.slot].leased.store(true, std::memory_order_relaxed);
    place.segment->slots[place.slot].sent = false;
  }
  std::memcpy(place.segment->mapping->data(place.slot), tensor.data.data(), bytes);
  const std::lock_guard lock(impl_->mutex);
  const SharedRef ref = impl_->publish(place, bytes);
  place.segment->slots[place.slot].leased.store(false, std::memory_order_relaxed);
  return ref;
}

void SharedMemory::take_back(const SharedRef& ref) {
  const std::lock_guard lock(impl_->mutex);
  for (const auto& segment : impl_->segments) {
    if (segment->id != ref.segment || ref.slot >= segment->slots.size()) continue;
    std::uint64_t written = SlotWord{ref.generation, 0, SlotState::written}.packed();
    segment->mapping->word(ref.slot).compare_exchange_strong(written,
                                                             SlotWord{ref.generation, 0, SlotState::free}.packed());
  }
}

Expected<Buffer> SharedMemory::attach(const SharedRef& ref) {
  const std::lock_guard lock(impl_->mutex);
  auto mapping = impl_->mapping_of(ref.segment);
  if (!mapping) {
    ++impl_->counters.refused;
    return tl::make_unexpected(mapping.error());
  }
  const Mapping& m = **mapping;
  if (ref.slot >= m.slots() || ref.bytes > m.slot_bytes() || ref.offset != m.offset_of(ref.slot)) {
    return impl_->refuse(fmt::format("names slot {} at {} with {} bytes, which segment {:016x} does not have", ref.slot,
                                     ref.offset, ref.bytes, ref.segment));
  }
  std::uint64_t expected = SlotWord{ref.generation, 0, SlotState::written}.packed();
  const SlotWord mine{ref.generation, impl_->me, SlotState::claimed};
  if (!m.word(ref.slot).compare_exchange_strong(expected, mine.packed(), std::memory_order_acquire)) {
    return impl_->refuse(
        fmt::format("names generation {} of slot {}, which was taken back, or read before", ref.generation, ref.slot));
  }
  const std::span<const std::byte> bytes{m.data(ref.slot), ref.bytes};
  return Buffer{std::make_shared<Claimed>(*mapping, ref.slot, mine), bytes};
}

std::optional<SharedMemory::Impl::Place> SharedMemory::Impl::find_free(std::size_t bytes) {
  if (bytes > options.budget_bytes) return std::nullopt;
  const std::uint64_t slot_bytes = std::bit_ceil(std::max<std::uint64_t>(bytes, kLeastSlot));
  for (const bool look_at_dead : {false, true}) {
    for (const auto& segment : segments) {
      if (segment->mapping->slot_bytes() != slot_bytes) continue;
      for (std::uint32_t i = 0; i < segment->slots.size(); ++i) {  // the lowest: its bytes are warm
        if (is_free(*segment, i, look_at_dead)) return Place{segment, i};
      }
    }
    if (!look_at_dead) {
      if (auto added = add_segment(slot_bytes)) return added;
    }
  }
  return std::nullopt;
}

bool SharedMemory::Impl::is_free(Segment& segment, std::uint32_t index, bool look_at_dead) {
  Slot& slot = segment.slots[index];
  if (slot.leased.load(std::memory_order_acquire)) return false;
  if (!slot.sent) return true;
  const auto word = segment.mapping->word(index);
  std::uint64_t packed = word.load(std::memory_order_acquire);
  const auto state = SlotWord::of(packed);
  if (state.state == SlotState::free) return true;
  if (!look_at_dead) return false;
  const Instant now = clock.now();
  const bool forgotten = state.state == SlotState::written && now - slot.sent_at > options.unclaimed;
  bool dead = false;
  if (state.state == SlotState::claimed && now - segment.looked_at > kLookAtDead) {
    segment.looked_at = now;
    dead = Claim::is_free(live_file(run_dir.path(), state.claimer));
  }
  if (!forgotten && !dead) return false;
  if (!word.compare_exchange_strong(packed, SlotWord{state.generation, 0, SlotState::free}.packed())) return false;
  ++counters.reclaimed;
  return true;
}

std::optional<SharedMemory::Impl::Place> SharedMemory::Impl::add_segment(std::uint64_t slot_bytes) {
  const auto slots = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(kSegmentBytes / slot_bytes, 1, kMostSlots));
  const std::uint64_t bytes = slots * slot_bytes;
  if (counters.bytes + bytes > options.budget_bytes) drop_empty();
  if (counters.bytes + bytes > options.budget_bytes) return std::nullopt;
  const std::uint64_t id = random_id();
  auto claim = Claim::take(segment_file(run_dir.path(), id));
  auto mapping = claim ? Mapping::create(*claim, slots, slot_bytes) : tl::make_unexpected(claim.error());
  if (!mapping) {
    log(LogLevel::warn, "shared-memory", "tensors travel in frames", {{"reason", mapping.error().message}});
    return std::nullopt;
  }
  segments.push_back(std::make_shared<Segment>(id, std::move(*claim), std::move(*mapping)));
  counters.bytes += bytes;
  return Place{segments.back(), 0};
}

void SharedMemory::Impl::drop_empty() {
  std::erase_if(segments, [&](const auto& segment) {
    for (std::uint32_t i = 0; i < segment->slots.size(); ++i) {
      if (!is_free(*segment, i, true)) return false;
    }
    counters.bytes -= segment->slots.size() * segment->mapping->slot_bytes();
    return true;
  });
}

std::optional<SharedMemory::Impl::Place> SharedMemory::Impl::leased_place(const Buffer& buffer) const {
  for (const auto& segment : segments) {
    const std::byte* first = segment->mapping->data(0);
    const std::uint64_t slot_bytes = segment->mapping->slot_bytes();
    if (std::less<>{}(buffer.data(), first) ||
        !std::less<>{}(buffer.data(), first + segment->slots.size() * slot_bytes)) {
      continue;
    }
    const auto offset = static_cast<std::uint64_t>(buffer.data() - first);
    const auto index = static_cast<std::uint32_t>(offset / slot_bytes);
    const Slot& slot = segment->slots[index];
    if (offset % slot_bytes == 0 && slot.leased.load(std::memory_order_relaxed) && !slot.sent) {
      return Place{segment, index};
    }
  }
  return std::nullopt;
}

SharedRef SharedMemory::Impl::publish(const Place& place, std::size_t bytes) {
  Slot& slot = place.segment->slots[place.slot];
  slot.sent = true;
  slot.sent_at = clock.now();
  ++slot.generation;
  ++counters.shared;
  place.segment->mapping->word(place.slot)
      .store(SlotWord{slot.generation, 0, SlotState::written}.packed(), std::memory_order_release);
  return {place.segment->id, place.slot, slot.generation, place.segment->mapping->offset_of(place.slot), bytes};
}

Expected<std::shared_ptr<Mapping>> SharedMemory::Impl::mapping_of(std::uint64_t segment) {
  if (const auto known = others.find(segment); known != others.end()) return known->second;
  std::erase_if(others, [](const auto& other) { return other.second.use_count() == 1 && other.second->unlinked(); });
  if (others.size() >= kMostMappings) {
    std::erase_if(others, [](const auto& other) { return other.second.use_count() == 1; });
  }
  if (others.size() >= kMostMappings) {
    return fail(Errc::bad_frame, fmt::format("more than {} segments of shared memory are in use", kMostMappings));
  }
  auto opened = Mapping::open(segment_file(run_dir.path(), segment));
  if (opened) others[segment] = *opened;
  return opened;
}

tl::unexpected<Error> SharedMemory::Impl::refuse(std::string what) {
  ++counters.refused;
  return fail(Errc::bad_frame, "a shared tensor " + std::move(what));
}

}  // namespace zenith::wire
