// libzmq's objects with destructors, and frames that do not copy.
#pragma once

#include <zmq.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"
#include "zenith/core/tensor.hpp"

namespace zenith::wire {

inline constexpr std::size_t kZeroCopyBytes = 4096;

struct CloseSocket {
  void operator()(void* socket) const noexcept { zmq_close(socket); }
};
struct EndContext {
  void operator()(void* context) const noexcept {
    while (zmq_ctx_term(context) != 0 && errno == EINTR) {
    }
  }
};
using SocketHandle = std::unique_ptr<void, CloseSocket>;
using ContextHandle = std::unique_ptr<void, EndContext>;

/// A received frame: the bytes stay where libzmq put them.
struct ReceivedFrame {
  zmq_msg_t msg{};
  ReceivedFrame() noexcept { zmq_msg_init(&msg); }
  ~ReceivedFrame() { zmq_msg_close(&msg); }
  ReceivedFrame(const ReceivedFrame&) = delete;
  ReceivedFrame& operator=(const ReceivedFrame&) = delete;

  std::span<const std::byte> bytes() noexcept {
    return {static_cast<const std::byte*>(zmq_msg_data(&msg)), zmq_msg_size(&msg)};
  }
};

/// @returns 0 or errno.
inline int receive_frame(void* socket, ReceivedFrame& frame) noexcept {
  int rc = 0;
  do {
    rc = zmq_msg_recv(&frame.msg, socket, ZMQ_DONTWAIT);
  } while (rc < 0 && errno == EINTR);
  return rc < 0 ? errno : 0;
}

inline Buffer to_buffer(std::shared_ptr<ReceivedFrame> frame) {
  const auto bytes = frame->bytes();
  return {std::move(frame), bytes};
}

/// @returns 0 or errno.
inline int send_message(void* socket, zmq_msg_t& msg, bool more) noexcept {
  int rc = 0;
  do {
    rc = zmq_msg_send(&msg, socket, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
  } while (rc < 0 && errno == EINTR);
  if (rc >= 0) return 0;
  const int error = errno;
  zmq_msg_close(&msg);
  return error;
}

inline int send_copy(void* socket, const void* data, std::size_t size, bool more) noexcept {
  zmq_msg_t msg;
  if (zmq_msg_init_size(&msg, size) != 0) return ENOMEM;
  if (size > 0) std::memcpy(zmq_msg_data(&msg), data, size);
  return send_message(socket, msg, more);
}

/// Bytes of large frames that libzmq holds for one peer; it lets go of them on threads of its own.
using Unsent = std::shared_ptr<std::atomic<std::size_t>>;

struct SentFrame {
  SentFrame(const Buffer& frame, Unsent counted)
      : owner(frame.owner()), size(frame.size()), unsent(std::move(counted)) {
    if (unsent) *unsent += size;
  }
  ~SentFrame() {
    if (unsent) *unsent -= size;
  }
  SentFrame(const SentFrame&) = delete;
  SentFrame& operator=(const SentFrame&) = delete;
  /// libzmq hands it to another thread, in order; ThreadSanitizer does not see that in its library, this it sees.
  void hand_over() noexcept { handed.store(true, std::memory_order_release); }
  static void end(void*, void* frame) noexcept {
    const auto* mine = static_cast<const SentFrame*>(frame);
    static_cast<void>(mine->handed.load(std::memory_order_acquire));
    delete mine;
  }
  std::shared_ptr<const void> owner;
  std::size_t size;
  Unsent unsent;
  std::atomic<bool> handed{false};
};

inline int send_buffer(void* socket, const Buffer& frame, bool more, const Unsent& unsent = {}) {
  if (frame.size() < kZeroCopyBytes || frame.owner() == nullptr) {
    return send_copy(socket, frame.data(), frame.size(), more);
  }
  auto keep = std::make_unique<SentFrame>(frame, unsent);
  keep->hand_over();
  zmq_msg_t msg;
  const int rc =
      zmq_msg_init_data(&msg, const_cast<std::byte*>(frame.data()), frame.size(), SentFrame::end, keep.get());
  if (rc != 0) return ENOMEM;
  static_cast<void>(keep.release());
  return send_message(socket, msg, more);
}

template <class T>
bool set_option(void* socket, int option, const T& value) noexcept {
  return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}
inline bool set_option(void* socket, int option, const std::string& value) noexcept {
  return zmq_setsockopt(socket, option, value.c_str(), value.size()) == 0;
}

inline int get_int(void* socket, int option) noexcept {
  int value = 0;
  std::size_t size = sizeof value;
  return zmq_getsockopt(socket, option, &value, &size) == 0 ? value : -1;
}

inline std::string zmq_reason() { return zmq_strerror(errno); }

}  // namespace zenith::wire
