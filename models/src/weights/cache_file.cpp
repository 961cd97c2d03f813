#include "weights/cache_file.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace zenith::models {
namespace fs = std::filesystem;

namespace {

tl::unexpected<Error> refuse(std::string_view what, const fs::path& path, int code) {
  return fail(Errc::io, fmt::format("cannot {} '{}': {}", what, path.string(), std::generic_category().message(code)),
              path.string());
}

int sync_folder(const fs::path& folder) noexcept {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int code = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return code;
}

}  // namespace

CacheFile::CacheFile(CacheFile&& o) noexcept
    : path_(std::move(o.path_)),
      unfinished_(std::exchange(o.unfinished_, {})),
      fd_(std::exchange(o.fd_, -1)),
      bytes_(o.bytes_) {}

CacheFile::~CacheFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!unfinished_.empty()) ::unlink(unfinished_.c_str());
}

Expected<CacheFile> CacheFile::open(const fs::path& path) {
  CacheFile file;
  file.path_ = path;
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe of that name must not hold us up
  if (file.fd_ < 0) {
    if (errno == ENOENT) return fail(Errc::not_found, fmt::format("there is no '{}'", path.string()));
    return refuse("open", path, errno);
  }
  struct stat info{};
  if (::fstat(file.fd_, &info) != 0) return refuse("stat", path, errno);
  if (!S_ISREG(info.st_mode)) return fail(Errc::bad_file, fmt::format("'{}' is not a regular file", path.string()));
  file.bytes_ = static_cast<std::uint64_t>(info.st_size);
  return file;
}

Expected<CacheFile> CacheFile::create(const fs::path& path, std::uint64_t bytes) {
  CacheFile file;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return refuse("make the folder", path.parent_path(), error.value());
  fs::path unfinished = path;
  unfinished.replace_extension(fmt::format(".{}{}", ::getpid(), kUnfinishedSuffix));
  file.fd_ = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file.fd_ < 0) return refuse("create", unfinished, errno);
  file.path_ = path;
  file.unfinished_ = std::move(unfinished);
  file.bytes_ = bytes;
  if (const int code = ::posix_fallocate(file.fd_, 0, static_cast<off_t>(bytes)); code != 0)
    return refuse(fmt::format("reserve {} bytes for", bytes), file.unfinished_, code);
  return file;
}

Status CacheFile::read(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t count = ::pread(fd_, to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse("read", path_, errno);
    if (count == 0) return fail(Errc::bad_file, "it ends before its parts do");
    to = to.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Status CacheFile::write(std::uint64_t offset, std::span<const std::byte> from) {
  while (!from.empty()) {
    const ssize_t count = ::pwrite(fd_, from.data(), from.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse("write", unfinished_, errno);
    from = from.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Status CacheFile::publish() {
  if (::fsync(fd_) != 0) return refuse("write to disk", unfinished_, errno);
  if (::rename(unfinished_.c_str(), path_.c_str()) != 0) return refuse("put in place", path_, errno);
  unfinished_.clear();
  if (const int code = sync_folder(path_.parent_path()); code != 0)
    return refuse("write to disk", path_.parent_path(), code);
  return {};
}

void CacheFile::mark_used() const noexcept {
  const timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  (void)::futimens(fd_, times);
}

}  // namespace zenith::models
