// Many messages, one wake.
#pragma once

namespace zenith::actors {

/// While one lives, what this thread sends wakes nobody; its end wakes each receiver once. For a thread that hands a
/// burst of messages to actors: a wake costs more than a message. Nested ones do nothing. Short-lived: a receiver waits
/// for the end.
class Together {
 public:
  Together() noexcept;
  ~Together();
  Together(const Together&) = delete;
  Together& operator=(const Together&) = delete;

 private:
  bool outermost_;
};

}  // namespace zenith::actors
