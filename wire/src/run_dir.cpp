#include "zenith/wire/run_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include "system_error.hpp"
#include "zenith/core/config.hpp"

namespace zenith::wire {
namespace fs = std::filesystem;
namespace {

/// Whether `fd` is still what `file` names: a sweeper may have unlinked it between open and flock.
bool same_file(int fd, const fs::path& file) {
  struct stat ours{};
  struct stat named{};
  return fstat(fd, &ours) == 0 && stat(file.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

std::string environment_value(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): read at start-up
  return value == nullptr ? std::string{} : std::string{value};
}

bool plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

Status check_name(std::string_view name) {
  if (plain_name(name)) return {};
  return fail(Errc::invalid_argument,
              fmt::format("'{}' cannot be a file's name: use letters, digits, '-', '_' and '.', at most 64", name));
}

Status check_socket_path(const fs::path& path) {
  const auto length = path.native().size();
  if (length <= kMostSocketPath) return {};
  return fail(
      Errc::invalid_argument,
      fmt::format("the socket path {} has {} bytes, the system allows {}: set ZENITH_RUN_DIR to a shorter folder",
                  path.string(), length, kMostSocketPath),
      "ZENITH_RUN_DIR");
}

}  // namespace

Expected<Claim> Claim::take(const fs::path& file) {
  for (int attempt = 0; attempt < 16; ++attempt) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return tl::make_unexpected(system_error("cannot open " + file.string()));
    Claim claim;
    claim.fd_ = fd;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return fail(Errc::unavailable, file.string() + " is held by another process", file.string());
      }
      return tl::make_unexpected(system_error("cannot lock " + file.string()));
    }
    if (same_file(fd, file)) {
      claim.file_ = file;
      return claim;
    }
  }
  return fail(Errc::unavailable, file.string() + " is being taken by others again and again", file.string());
}

bool Claim::is_free(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno == ENOENT;
  const bool free = flock(fd, LOCK_SH | LOCK_NB) == 0;
  ::close(fd);
  return free;
}

Claim::Claim(Claim&& other) noexcept : file_(std::move(other.file_)), fd_(std::exchange(other.fd_, -1)) {
  other.file_.clear();
}

Claim& Claim::operator=(Claim&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(fd_, other.fd_);
  return *this;
}

Claim::~Claim() {
  if (!file_.empty()) ::unlink(file_.c_str());
  if (fd_ >= 0) ::close(fd_);
}

fs::path RunDir::default_path() {
  if (auto set = environment_value("ZENITH_RUN_DIR"); !set.empty()) return set;
  if (auto user = environment_value("XDG_RUNTIME_DIR"); !user.empty()) return fs::path{user} / "zenith";
  return zenith_home() / "run";
}

Expected<RunDir> RunDir::open(fs::path path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return tl::make_unexpected(system_error("cannot make the run folder " + path.string() + " (ZENITH_RUN_DIR)"));
  }
  struct stat info{};
  if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return fail(Errc::io, path.string() + " is no folder: set ZENITH_RUN_DIR to one", "ZENITH_RUN_DIR");
  }
  if (info.st_uid != geteuid()) {
    return fail(Errc::io,
                fmt::format("the run folder {} belongs to user {}, not to {}: chown it, or set ZENITH_RUN_DIR",
                            path.string(), info.st_uid, geteuid()),
                "ZENITH_RUN_DIR");
  }
  if ((info.st_mode & 0777) != 0700 && chmod(path.c_str(), 0700) != 0) {
    return tl::make_unexpected(system_error("cannot close the run folder " + path.string() + " to others"));
  }
  return RunDir{std::move(path)};
}

Expected<std::string> RunDir::endpoint(std::string_view name) const {
  if (auto ok = check_name(name); !ok) return tl::make_unexpected(ok.error());
  const auto socket = path_ / (std::string{name} + ".sock");
  if (auto ok = check_socket_path(socket); !ok) return tl::make_unexpected(ok.error());
  return "ipc://" + socket.string();
}

Expected<Claim> RunDir::claim(std::string_view name) const {
  if (auto ok = check_name(name); !ok) return tl::make_unexpected(ok.error());
  return Claim::take(path_ / (std::string{name} + ".lock"));
}

RunDir::Swept RunDir::sweep() const {
  Swept swept;
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator it{path_, error}, end; !error && it != end; it.increment(error)) {
    files.push_back(it->path());
  }
  const auto remove = [](const fs::path& file, std::size_t& count) {
    if (::unlink(file.c_str()) == 0) ++count;
  };
  for (const auto& file : files) {
    if (file.extension() == ".sock") {
      if (const auto claim = Claim::take(lock_of(file))) remove(file, swept.sockets);
    } else if (file.extension() == ".shm" || file.extension() == ".live") {
      if (Claim::is_free(file)) remove(file, swept.segments);
    }
  }
  for (const auto& file : files) {
    if (file.extension() != ".lock" || ::access(file.c_str(), F_OK) != 0) continue;
    if (const auto claim = Claim::take(file)) ++swept.locks;
  }
  return swept;
}

Expected<fs::path> ipc_path(const std::string& endpoint) {
  constexpr std::string_view kScheme = "ipc://";
  if (!endpoint.starts_with(kScheme) || endpoint.size() == kScheme.size() || endpoint[kScheme.size()] == '@' ||
      endpoint[kScheme.size()] == '*') {
    return fail(Errc::invalid_argument, "'" + endpoint + "' is no ipc endpoint: write ipc://PATH", "endpoint");
  }
  fs::path path = endpoint.substr(kScheme.size());
  if (auto ok = check_socket_path(path); !ok) return tl::make_unexpected(ok.error());
  return path;
}

fs::path lock_of(const fs::path& socket) { return socket.string() + ".lock"; }

}  // namespace zenith::wire
