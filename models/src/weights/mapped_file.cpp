#include "weights/mapped_file.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace zenith::models {
namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Expected<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const auto refuse = [&](const char* what) {
    return fail(Errc::io, fmt::format("cannot {} '{}': {}", what, path.string(), std::strerror(errno)), path.string());
  };
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return refuse("open");
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) return refuse("stat");
  if (!S_ISREG(info.st_mode)) {
    return fail(Errc::bad_file, fmt::format("'{}' is not a regular file", path.string()), path.string());
  }
  if (info.st_size <= 0) return fail(Errc::bad_file, fmt::format("'{}' is empty", path.string()), path.string());
  MappedFile mapped;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (data == MAP_FAILED) return refuse("map");
  mapped.data_ = data;
  mapped.size_ = size;
  return mapped;
}

MappedFile::MappedFile(MappedFile&& o) noexcept
    : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& o) noexcept {
  std::swap(data_, o.data_);
  std::swap(size_, o.size_);
  return *this;
}

void MappedFile::release(std::span<const std::byte> part) const noexcept {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(data_), first = reinterpret_cast<std::uintptr_t>(part.data());
  if (data_ == nullptr || first < start || part.size() > size_ || first - start > size_ - part.size()) return;
  const std::uintptr_t from = (first + page - 1) / page * page, to = (first + part.size()) / page * page;
  // Nobody writes to this mapping: what is dropped is only a copy of the file.
  if (from < to) (void)::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace zenith::models
