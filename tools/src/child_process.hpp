// A child of this process: started, watched, started again with growing pauses, given up on when that makes no sense.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/messages/directory.hpp"

namespace zenith::tools {

/// A file descriptor that is closed with its owner.
class Fd {
 public:
  explicit Fd(int fd = -1) noexcept : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Fd& operator=(Fd&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~Fd();
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// What a child is started with.
struct ChildCommand {
  std::filesystem::path program;  ///< beside this executable
  std::vector<std::string> args;  ///< without --config and --parent
  std::string config;             ///< TOML; empty: no --config
  int board = -1;                 ///< memory that is shared with it: it gets --board; -1: none
};

/// What is made of a child's end.
struct Verdict {
  std::string reason;
  bool again = true;  ///< false: nothing would be better the next time
};

struct ChildRules {
  std::function<Status()> ready_to_start;         ///< before each start; an error is told and tried again
  std::function<Verdict(int wait_status)> judge;  ///< empty: every end is worth another start
  /// How the child is while it does not speak for itself, from a thread of its own; must return at once.
  std::function<void(messages::Health, std::string)> tell;
  bool ready_when_up = false;        ///< its first sign of life says all about its health
  std::size_t most_failures = 0;     ///< within a minute, then it is given up on; 0: never
  bool on_demand = false;            ///< revive() starts it the first time, too
  std::chrono::seconds settled{30};  ///< a failure so long ago does not lengthen the pause
};

/// One child, kept alive by a thread of its own (the death of that thread would be the child's, too). It gets --beat, a
/// descriptor for services::beat_until: silent for four seconds, or for thirty from its start, it is ended.
class ChildProcess {
 public:
  static std::unique_ptr<ChildProcess> start(ChildCommand command, ChildRules rules);
  virtual ~ChildProcess() = default;  ///< stops the child: at most three seconds, then it is killed
  virtual bool given_up() const = 0;
  virtual void
  revive() = 0;  ///< one that was given up on is tried again, one that is on demand is started; else nothing
};

/// Becomes the child: does not return when it goes well.
Error become_child(const ChildCommand& command);

/// The program beside this executable.
std::filesystem::path program_beside(const char* name);

/// A child that ends by itself: what it wrote to stdout, at most `most` bytes of it.
struct ChildOutput {
  int wait_status = 0;
  bool in_time = true;  ///< false: it was killed
  std::string out;
};
/// @returns unavailable: it cannot be started.
Expected<ChildOutput> run_child(const ChildCommand& command, std::chrono::milliseconds limit, std::size_t most);

/// "signal 11 (Segmentation fault)", "status 3".
std::string end_of(int wait_status);

}  // namespace zenith::tools
