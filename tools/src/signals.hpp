// Signals as a file descriptor: waited for in order, never handled inside a handler.
#pragma once

#include <initializer_list>

#include "zenith/core/error.hpp"

namespace zenith::tools {

/// Blocks its signals in this thread and in those started later. Make it before any other thread starts.
class Signals {
 public:
  static Expected<Signals> block(std::initializer_list<int> signals);
  Signals(Signals&& other) noexcept;
  Signals& operator=(Signals&&) = delete;
  ~Signals();

  int fd() const noexcept { return fd_; }  ///< readable when one is pending
  int take() const;                        ///< the next pending signal's number; 0 when none is

 private:
  explicit Signals(int fd) noexcept : fd_(fd) {}
  int fd_;
};

/// A flag that other threads raise and poll() sees.
class Event {
 public:
  Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();
  int fd() const noexcept { return fd_; }
  void raise() const noexcept;  ///< any thread
  void clear() const noexcept;

 private:
  int fd_;
};

/// Ends this process by `signal`'s default action, as if it had never been blocked.
[[noreturn]] void die_of(int signal);

}  // namespace zenith::tools
