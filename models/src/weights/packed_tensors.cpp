#include "weights/packed_tensors.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <set>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "weights/cache_file.hpp"
#include "zenith/core/log.hpp"
#include "zenith/kernels/linear.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::models {
namespace fs = std::filesystem;

namespace {

constexpr int kMostReaders = 4;
// Q5_1 and Q6_K grow by half, a matrix of one row is padded to a group.
constexpr std::uint64_t kMostGrowth = 4, kMostPadding = 1 << 20;
constexpr const char* kComponent = "models";

/// The name of a model's file in the cache: for people its own, for us the key.
std::string file_name(const fs::path& model, const PackedKey& key) {
  std::string stem;
  for (const char c : model.stem().string().substr(0, 64)) {
    const bool plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
    stem += plain ? c : '_';
  }
  return fmt::format("{}-{:016x}-{}{}", stem, key.model, key.layout, kPackedSuffix);
}

/// A file that was changed is another model, even where the samples of its generation are the same.
std::optional<std::uint64_t> model_key(const fs::path& model, std::uint64_t generation, std::uint64_t size) {
  std::error_code error;
  const auto changed = fs::last_write_time(model, error).time_since_epoch().count();
  if (error) return std::nullopt;
  const std::array parts{generation, size, static_cast<std::uint64_t>(changed)};
  return packed_hash(std::as_bytes(std::span{parts}));
}

/// Reads every entry to its place and compares its hash, on several threads: their work is copying and hashing.
Status read_payload(const CacheFile& file, const PackedHeader& header, std::span<const PackedEntry> entries,
                    std::span<unsigned char> to) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::vector<Status> results(static_cast<std::size_t>(std::clamp(kernels::usable_cores(), 1, kMostReaders)));
  const auto work = [&](Status& result) {
    for (std::size_t i; !failed && (i = next.fetch_add(1)) < entries.size();) {
      const PackedEntry& entry = entries[i];
      const auto bytes = std::as_writable_bytes(to.subspan(entry.offset, entry.bytes));
      result = file.read(header.payload_offset + entry.offset, bytes);
      if (result && packed_hash(bytes) != entry.hash)
        result = fail(Errc::bad_file, fmt::format("the bytes of tensor {} are damaged", entry.part.tensor));
      if (!result) failed = true;
    }
  };
  std::vector<std::thread> threads;
  try {
    for (std::size_t t = 1; t < results.size(); ++t) threads.emplace_back([&, t] { work(results[t]); });
  } catch (const std::system_error&) {
    // The system gives no more threads: those that are there read all of it.
  }
  work(results[0]);
  for (std::thread& thread : threads) thread.join();
  for (Status& result : results) {
    if (!result) return result;
  }
  return {};
}

}  // namespace

PackedTensors::PackedTensors(const PackedCache& cache, const fs::path& model, const WeightSource& source)
    : cache_(cache), most_payload_(source.file_bytes() * kMostGrowth + kMostPadding) {
  if (cache.folder.empty()) return;
  const auto hash = model_key(model, source.generation().value, source.file_bytes());
  if (!hash) return;
  key_ = {*hash, kernels::packed_layout()};
  path_ = cache.folder / file_name(model, key_);
  const Status ok = read();
  if (ok || ok.error().code == Errc::not_found) return;
  read_.clear();
  memory_ = std::make_shared<kernels::WeightMemory>();
  log(LogLevel::warn, kComponent, "packed weights on disk cannot be used: the model is packed anew",
      {{"file", path_.string()}, {"reason", ok.error().message}});
}

Status PackedTensors::read() {
  const auto file = CacheFile::open(path_);
  if (!file) return tl::make_unexpected(file.error());
  std::array<std::byte, kPackedHeaderBytes> start{};
  if (auto ok = file->read(0, std::span{start}.first(std::min<std::uint64_t>(start.size(), file->bytes()))); !ok)
    return ok;
  const auto header = parse_packed_header(start, file->bytes(), key_);
  if (!header) return tl::make_unexpected(header.error());
  std::vector<std::byte> table(header->table_bytes);
  if (auto ok = file->read(kPackedHeaderBytes, table); !ok) return ok;
  const auto entries = parse_packed_table(table, *header);
  if (!entries) return tl::make_unexpected(entries.error());
  if (header->payload_bytes > most_payload_)
    return fail(Errc::bad_file, fmt::format("it has {} bytes, more than packing can give", header->payload_bytes));
  std::span<unsigned char> payload;
  try {
    payload = memory_->take(header->payload_bytes);
  } catch (const std::bad_alloc&) {
    return fail(Errc::out_of_memory, fmt::format("there is no memory for its {} bytes", header->payload_bytes));
  }
  if (auto ok = read_payload(*file, *header, *entries, payload); !ok) return ok;
  for (const PackedEntry& entry : *entries) read_.emplace(entry.part, payload.subspan(entry.offset, entry.bytes));
  file->mark_used();
  return {};
}

std::optional<std::span<const unsigned char>> PackedTensors::find(const PackedPart& part) {
  const auto it = read_.find(part);
  if (it == read_.end() || it->second.size() != kernels::Linear::packed_bytes(part.dtype, part.n_out, part.n_in))
    return std::nullopt;
  used_.emplace_back(part, it->second);
  return it->second;
}

void PackedTensors::add(PackedPart part, std::span<const unsigned char> bytes) {
  if (path_.empty()) return;
  used_.emplace_back(std::move(part), bytes);
  packed_ = true;
}

void PackedTensors::keep() const {
  if (path_.empty() || !packed_) return;
  std::uint64_t bytes = 0;
  for (const auto& [part, at] : used_) bytes += at.size();
  if (bytes < cache_.least_bytes) return;
  if (const Status ok = write(); !ok) {
    return log(LogLevel::warn, kComponent, "packed weights cannot be kept: each start packs them",
               {{"folder", cache_.folder.string()}, {"reason", ok.error().message}});
  }
  log(LogLevel::info, kComponent, "packed weights kept for the next start",
      {{"file", path_.string()}, {"bytes", bytes}});
}

Status PackedTensors::write() const {
  std::vector<PackedEntry> entries;
  std::set<PackedPart> seen;
  for (const auto& [part, bytes] : used_) {
    if (seen.insert(part).second) entries.push_back({part, 0, bytes.size(), packed_hash(std::as_bytes(bytes))});
  }
  const std::vector<std::byte> start = write_packed_start(entries, key_);
  const std::uint64_t size =
      entries.empty() ? start.size() : start.size() + entries.back().offset + entries.back().bytes;
  if (auto ok = make_room(cache_, path_, size); !ok) return ok;
  auto file = CacheFile::create(path_, size);
  if (!file) return tl::make_unexpected(file.error());
  if (auto ok = file->write(0, start); !ok) return ok;
  std::size_t next = 0;
  for (const auto& [part, bytes] : used_) {
    if (next == entries.size() || part != entries[next].part) continue;
    if (auto ok = file->write(start.size() + entries[next++].offset, std::as_bytes(bytes)); !ok) return ok;
  }
  return file->publish();
}

}  // namespace zenith::models
