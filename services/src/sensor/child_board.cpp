#include "zenith/services/sensor/child_board.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace zenith::services {
namespace {

constexpr std::size_t kPageBytes = 4096, kFaultBytes = 512;

tl::unexpected<Error> io(const char* what) {
  return tl::make_unexpected(Error{Errc::io,
                                   std::string{"no memory to share with a sensor's process: "} + what + ": " +
                                       std::generic_category().message(errno),
                                   {},
                                   {}});
}

}  // namespace

struct ChildBoard::Page {
  std::atomic<std::uint32_t> phase;
  std::array<std::atomic<char>, kFaultBytes> fault;
  std::atomic<std::uint64_t> manifest;
  std::array<std::atomic<std::uint64_t>, kMostChannels> next;
  std::array<std::atomic<std::int64_t>, kMostChannels> t_ns;
};

std::string_view name_of(SensorPhase phase) noexcept {
  switch (phase) {
    case SensorPhase::starting: return "its start";
    case SensorPhase::loading: return "being loaded";
    case SensorPhase::entry: return "zenith_sensor_entry";
    case SensorPhase::open: return "open";
    case SensorPhase::start: return "start";
    case SensorPhase::read_batch: return "read_batch";
    case SensorPhase::copying: return "the data that read_batch lent";
    case SensorPhase::release: return "release";
    case SensorPhase::health: return "health";
    case SensorPhase::stop: return "stop";
    case SensorPhase::close: return "close";
    case SensorPhase::idle: return "no call";
  }
  return "no known call";
}

Expected<ChildBoard> ChildBoard::map(int fd) {
  static_assert(sizeof(Page) <= kPageBytes);
  struct stat info{};
  if (fstat(fd, &info) != 0 || info.st_size < static_cast<off_t>(kPageBytes)) return io("it is too small");
  void* page = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return io("mmap");
  return ChildBoard{fd, static_cast<Page*>(page)};
}

Expected<ChildBoard> ChildBoard::create() {
  const int fd = memfd_create("zenith-sensor", MFD_CLOEXEC);
  if (fd < 0) return io("memfd_create");
  if (ftruncate(fd, kPageBytes) != 0) {
    close(fd);
    return io("ftruncate");
  }
  auto board = map(fd);
  if (!board) close(fd);
  return board;
}

Expected<ChildBoard> ChildBoard::open(int fd) { return map(fd); }

ChildBoard::ChildBoard(ChildBoard&& o) noexcept
    : fd_(std::exchange(o.fd_, -1)), page_(std::exchange(o.page_, nullptr)) {}

ChildBoard& ChildBoard::operator=(ChildBoard&& o) noexcept {
  std::swap(fd_, o.fd_);
  std::swap(page_, o.page_);
  return *this;
}

ChildBoard::~ChildBoard() {
  if (page_ != nullptr) munmap(page_, kPageBytes);
  if (fd_ >= 0) close(fd_);
}

void ChildBoard::set_phase(SensorPhase phase) noexcept { page_->phase = static_cast<std::uint32_t>(phase); }
SensorPhase ChildBoard::phase() const noexcept { return static_cast<SensorPhase>(page_->phase.load()); }

void ChildBoard::set_fault(std::string_view text) noexcept {
  const std::size_t n = std::min(text.size(), kFaultBytes - 1);
  for (std::size_t i = 0; i < n; ++i) page_->fault[i] = text[i];
  page_->fault[n] = 0;
}

std::string ChildBoard::fault() const {
  std::string out;
  for (std::size_t i = 0; i + 1 < kFaultBytes; ++i) {
    const char c = page_->fault[i];
    if (c == 0) break;
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return out;
}

void ChildBoard::clear_fault() noexcept { page_->fault[0] = 0; }

std::optional<ChildBoard::Numbers> ChildBoard::numbers(std::uint64_t manifest, std::size_t channel) const noexcept {
  if (channel >= kMostChannels || page_->manifest != manifest) return std::nullopt;
  const Numbers out{page_->next[channel], page_->t_ns[channel]};
  if (out.next == 0) return std::nullopt;
  return out;
}

void ChildBoard::set_numbers(std::uint64_t manifest, std::size_t channel, Numbers numbers) noexcept {
  if (channel >= kMostChannels) return;
  if (page_->manifest.exchange(manifest) != manifest) {
    for (auto& next : page_->next) next = 0;
  }
  page_->next[channel] = numbers.next;
  page_->t_ns[channel] = numbers.t_ns;
}

}  // namespace zenith::services
