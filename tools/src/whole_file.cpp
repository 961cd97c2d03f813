#include "whole_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "zenith/tools/progress.hpp"

namespace zenith::tools {
namespace fs = std::filesystem;

Expected<WholeFile> WholeFile::create(const fs::path& path, std::uint64_t bytes, bool replace, std::string param) {
  std::error_code error;
  const auto there = fs::status(path, error);
  if (fs::exists(there) && !fs::is_regular_file(there))
    return fail(Errc::invalid_argument, path.string() + " exists and is no regular file", param);
  if (fs::exists(there) && !replace)
    return fail(Errc::invalid_argument, path.string() + " exists; --force replaces it", param);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path{"."};
  const fs::path partial = folder / fmt::format(".{}.{}.partial", path.filename().string(), getpid());
  const int fd = open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) {
    return fail(Errc::io, path.string() + " cannot be written: " + std::generic_category().message(errno), param);
  }
  WholeFile file{path, partial, fd, replace, std::move(param)};
  file.expected_ = bytes;
  // Not every file system takes room ahead; those tell when the room ends.
  if (bytes > 0 && fallocate(fd, 0, 0, static_cast<off_t>(bytes)) != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
    return file.failed(errno, bytes);
  return file;
}

WholeFile::WholeFile(WholeFile&& other) noexcept
    : path_(std::move(other.path_)),
      partial_(std::move(other.partial_)),
      fd_(std::exchange(other.fd_, -1)),
      replace_(other.replace_),
      written_(other.written_),
      expected_(other.expected_),
      param_(std::move(other.param_)) {}

WholeFile::~WholeFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(partial_.c_str());
}

Status WholeFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return failed(count < 0 ? errno : ENOSPC, expected_ - std::min(expected_, written_));
    written_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Status WholeFile::finish() {
  if (ftruncate(fd_, static_cast<off_t>(written_)) != 0 || fsync(fd_) != 0) return failed(errno, 0);
  // Without --force a file that came meanwhile stays.
  const int renamed = replace_ ? std::rename(partial_.c_str(), path_.c_str())
                               : renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
  if (renamed != 0) return failed(errno, 0);
  close(std::exchange(fd_, -1));
  return {};
}

tl::unexpected<Error> WholeFile::failed(int error, std::uint64_t needed) const {
  std::string message = path_.string() + " cannot be written: " + std::generic_category().message(error);
  std::error_code ignored;
  const auto space = fs::space(partial_, ignored);
  if (error == ENOSPC && !ignored) {
    message += fmt::format("; {} are needed, {} are free: make room, or name another place", human_bytes(needed),
                           human_bytes(space.available));
  }
  return fail(Errc::io, std::move(message), param_);
}

}  // namespace zenith::tools
