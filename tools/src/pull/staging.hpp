// The folder beside the models in which a pull works, and the lock that makes it the only one.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "zenith/core/error.hpp"

namespace zenith::tools {

/// Holds `.lock-NAME` while it lives; the kernel gives it back when the process dies.
class PullLock {
 public:
  /// Waits for another pull of the same name, after saying so.
  static Expected<PullLock> take(const std::filesystem::path& models_dir, const std::string& name,
                                 const std::function<void(const std::string&)>& say);
  PullLock(PullLock&& other) noexcept;
  PullLock& operator=(PullLock&&) = delete;
  ~PullLock();

 private:
  explicit PullLock(int fd) noexcept : fd_(fd) {}
  int fd_;
};

/// `.staging-NAME`: emptied at the start (a killed pull may have left one), removed at the end unless published.
class Staging {
 public:
  static Expected<Staging> make(const std::filesystem::path& models_dir, const std::string& name);
  Staging(Staging&& other) noexcept;
  Staging& operator=(Staging&&) = delete;
  ~Staging();

  const std::filesystem::path& files() const noexcept { return files_; }  ///< becomes the model's folder
  std::filesystem::path scratch(const std::string& name) const;           ///< a new empty folder that is thrown away
  /// Renames files() to `folder`; what had that name before is removed afterwards.
  Status publish(const std::filesystem::path& folder);

 private:
  explicit Staging(std::filesystem::path root) : root_(std::move(root)), files_(root_ / "files") {}
  std::filesystem::path root_, files_;
};

}  // namespace zenith::tools
