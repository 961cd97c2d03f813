// The folder in which processes of one host meet: ipc sockets and shared-memory files, and who owns them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::wire {

/// The longest path of a unix socket (sun_path without its NUL).
inline constexpr std::size_t kMostSocketPath = 107;

/// An exclusive claim: a file under flock. It ends with the process, however that ends, on every kernel that shares the
/// file; process ids mean nothing across containers and are not looked at.
class Claim {
 public:
  /// Creates `file` (0600) when it is missing. @returns unavailable when another claim holds it, io.
  static Expected<Claim> take(const std::filesystem::path& file);
  /// Whether nobody holds `file`, or it does not exist. Takes nothing away from a holder.
  static bool is_free(const std::filesystem::path& file);

  Claim() = default;
  Claim(Claim&& other) noexcept;
  Claim& operator=(Claim&& other) noexcept;
  ~Claim();  ///< unlinks the file and lets go

  explicit operator bool() const noexcept { return fd_ >= 0; }
  int fd() const noexcept { return fd_; }
  const std::filesystem::path& file() const noexcept { return file_; }

 private:
  std::filesystem::path file_;
  int fd_ = -1;
};

class RunDir {
 public:
  /// $ZENITH_RUN_DIR, else $XDG_RUNTIME_DIR/zenith, else $ZENITH_HOME/run.
  static std::filesystem::path default_path();
  /// Makes the folder (0700) when it is missing. @returns io: cannot be made, not ours, or no folder.
  static Expected<RunDir> open(std::filesystem::path path = default_path());

  const std::filesystem::path& path() const noexcept { return path_; }
  /// ipc://PATH/NAME.sock. @returns invalid_argument: a name that is no plain file name, a path over 107 bytes.
  Expected<std::string> endpoint(std::string_view name) const;
  /// `NAME.lock`. @returns unavailable when it is taken, invalid_argument, io.
  Expected<Claim> claim(std::string_view name) const;

  struct Swept {
    std::size_t sockets = 0, segments = 0, locks = 0;
  };
  /// Removes what dead processes left: every socket, segment and lock file whose claim is free.
  Swept sweep() const;

 private:
  explicit RunDir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// The path of an ipc:// endpoint. @returns invalid_argument: not ipc, empty, abstract, over 107 bytes.
Expected<std::filesystem::path> ipc_path(const std::string& endpoint);
/// The claim of a listener's socket: PATH.lock.
std::filesystem::path lock_of(const std::filesystem::path& socket);

}  // namespace zenith::wire
