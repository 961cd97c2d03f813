#include "segment.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "system_error.hpp"

namespace zenith::wire {
namespace {

constexpr std::uint64_t kPage = 4096, kStateBytes = 64;  // a cache line each
constexpr std::uint32_t kMostSlots = 4096;
constexpr std::uint64_t kMostSlotBytes = std::uint64_t{1} << 30;

std::uint64_t data_at(std::uint32_t slots) {
  return (kStateBytes * (1 + std::uint64_t{slots}) + kPage - 1) / kPage * kPage;
}

std::byte* map(int fd, std::size_t bytes) {
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  return base == MAP_FAILED ? nullptr : static_cast<std::byte*>(base);
}

}  // namespace

std::filesystem::path segment_file(const std::filesystem::path& folder, std::uint64_t id) {
  return folder / fmt::format("{:016x}.shm", id);
}

std::filesystem::path live_file(const std::filesystem::path& folder, std::uint32_t claimer) {
  return folder / fmt::format("{:08x}.live", claimer);
}

Expected<std::shared_ptr<Mapping>> Mapping::create(const Claim& claim, std::uint32_t slots, std::uint64_t slot_bytes) {
  SegmentHeader header;
  header.slots = slots;
  header.slot_bytes = slot_bytes;
  header.data_at = data_at(slots);
  const std::size_t bytes = header.data_at + slots * slot_bytes;
  const int fd = fcntl(claim.fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return tl::make_unexpected(system_error("cannot make a segment of shared memory"));
  // Allocated, not only sized: a full disk is an error here and not a signal later.
  errno = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  std::byte* base = errno == 0 ? map(fd, bytes) : nullptr;
  if (base == nullptr) {
    auto error = system_error(fmt::format("cannot make a segment of {} bytes of shared memory", bytes));
    ::close(fd);
    return tl::make_unexpected(std::move(error));
  }
  std::memcpy(base, &header, sizeof header);
  return std::shared_ptr<Mapping>{new Mapping{base, bytes, fd, header}};
}

Expected<std::shared_ptr<Mapping>> Mapping::open(const std::filesystem::path& file) {
  const auto refuse = [&](const char* what) {
    return fail(Errc::bad_frame, fmt::format("shared memory {} {}", file.string(), what));
  };
  const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return refuse("cannot be opened: it is gone, or never was");
  struct stat info{};
  SegmentHeader header;
  const bool readable = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                        pread(fd, &header, sizeof header, 0) == static_cast<ssize_t>(sizeof header);
  const auto bytes = readable ? static_cast<std::uint64_t>(info.st_size) : 0;
  const bool holds = readable && header.magic == SegmentHeader{}.magic && header.slots > 0 &&
                     header.slots <= kMostSlots && header.slot_bytes > 0 && header.slot_bytes <= kMostSlotBytes &&
                     header.data_at == data_at(header.slots) &&
                     header.data_at + header.slots * header.slot_bytes <= bytes;
  std::byte* base = holds ? map(fd, bytes) : nullptr;
  if (base == nullptr) {
    ::close(fd);
    return refuse(holds ? "cannot be mapped" : "is not what it says: its header and its size disagree");
  }
  return std::shared_ptr<Mapping>{new Mapping{base, bytes, fd, header}};
}

Mapping::~Mapping() {
  munmap(base_, bytes_);
  ::close(fd_);
}

std::atomic_ref<std::uint64_t> Mapping::word(std::uint32_t slot) const noexcept {
  return std::atomic_ref<std::uint64_t>{
      *reinterpret_cast<std::uint64_t*>(base_ + kStateBytes * (1 + std::uint64_t{slot}))};
}

bool Mapping::unlinked() const noexcept {
  struct stat info{};
  return fstat(fd_, &info) != 0 || info.st_nlink == 0;
}

}  // namespace zenith::wire
