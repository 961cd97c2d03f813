#include "pull/staging.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "pull/output_file.hpp"

namespace zenith::tools {
namespace fs = std::filesystem;

namespace {

/// "no write permission for …" where that is why: the most common fault of a models folder.
Error folder_error(const fs::path& folder, int code) {
  if (code == EACCES || code == EPERM || code == EROFS) {
    return {Errc::io,
            "no write permission for the models folder " + folder.string() +
                ": give this user write access, or set ZENITH_HOME or models.dir to another folder",
            "models.dir",
            {}};
  }
  return file_error(folder, code, "creating the models folder");
}

}  // namespace

Expected<PullLock> PullLock::take(const fs::path& models_dir, const std::string& name,
                                  const std::function<void(const std::string&)>& say) {
  std::error_code error;
  fs::create_directories(models_dir, error);
  if (error) return tl::make_unexpected(folder_error(models_dir, error.value()));
  const auto path = models_dir / (".lock-" + name);
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return tl::make_unexpected(folder_error(models_dir, errno));
  PullLock lock{fd};
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return tl::make_unexpected(file_error(path, errno, "locking"));
  say("another pull of " + name + " is running: waiting for it");
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return tl::make_unexpected(file_error(path, errno, "locking"));
  }
  return lock;
}

PullLock::PullLock(PullLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
PullLock::~PullLock() {
  if (fd_ >= 0) close(fd_);
}

Expected<Staging> Staging::make(const fs::path& models_dir, const std::string& name) {
  Staging staging{models_dir / (".staging-" + name)};
  std::error_code error;
  fs::remove_all(staging.root_, error);
  if (!error) fs::create_directories(staging.files_, error);
  if (error) return tl::make_unexpected(folder_error(models_dir, error.value()));
  return staging;
}

Staging::Staging(Staging&& other) noexcept : root_(std::exchange(other.root_, {})), files_(std::move(other.files_)) {}

Staging::~Staging() {
  if (root_.empty()) return;
  std::error_code ignored;  // the next pull of this name tries again
  fs::remove_all(root_, ignored);
}

fs::path Staging::scratch(const std::string& name) const {
  const auto folder = root_ / name;
  std::error_code error;
  fs::remove_all(folder, error);
  fs::create_directory(folder, error);  // its absence is reported by whoever writes into it
  return folder;
}

Status Staging::publish(const fs::path& folder) {
  if (auto ok = sync_folder(files_); !ok) return ok;
  std::error_code error;
  if (fs::exists(folder, error)) {
    fs::rename(folder, root_ / "replaced", error);
    if (error) return tl::make_unexpected(file_error(folder, error.value(), "replacing"));
  }
  fs::rename(files_, folder, error);
  if (error) return tl::make_unexpected(file_error(folder, error.value(), "renaming into"));
  return sync_folder(folder.parent_path());
}

}  // namespace zenith::tools
