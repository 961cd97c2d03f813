#include "zenith/wire/raw_echo.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "zmq_handle.hpp"

namespace zenith::wire {
namespace {

using Clock = std::chrono::steady_clock;

tl::unexpected<Error> refuse(const std::string& endpoint, const char* what) {
  return fail(Errc::io, endpoint + ": " + what + ": " + zmq_reason());
}

bool set_keys(void* socket, const RawKeys& keys, bool server) {
  if (!keys) return true;
  if (!set_option(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key)) return false;
  if (server) return set_option(socket, ZMQ_CURVE_SERVER, 1);
  return set_option(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key) &&
         set_option(socket, ZMQ_CURVE_SERVERKEY, keys->public_key);
}

/// Waits for a frame; false at the context's end or after the socket's time limit.
bool take(void* socket, zmq_msg_t& msg) {
  int rc = 0;
  do {
    rc = zmq_msg_recv(&msg, socket, 0);
  } while (rc < 0 && errno == EINTR);
  return rc >= 0;
}

void echo(void* socket) {
  zmq_msg_t msg;
  zmq_msg_init(&msg);
  while (take(socket, msg)) {
    const bool more = zmq_msg_more(&msg) != 0;
    if (zmq_msg_send(&msg, socket, more ? ZMQ_SNDMORE : 0) < 0) break;
  }
  zmq_msg_close(&msg);
}

}  // namespace

struct RawEcho::Impl {
  RawContext context;
  SocketHandle socket;
  std::thread thread;
};
struct RawClient::Impl {
  RawContext context;
  SocketHandle socket;
};

RawContext make_raw_context() { return {zmq_ctx_new(), EndContext{}}; }

Expected<std::unique_ptr<RawEcho>> RawEcho::start(RawContext context, const std::string& endpoint,
                                                  const RawKeys& keys) {
  auto impl = std::make_unique<Impl>();
  impl->context = std::move(context);
  impl->socket.reset(zmq_socket(impl->context.get(), ZMQ_ROUTER));
  if (!impl->socket || !set_option(impl->socket.get(), ZMQ_LINGER, 0) || !set_keys(impl->socket.get(), keys, true) ||
      zmq_bind(impl->socket.get(), endpoint.c_str()) != 0) {
    return refuse(endpoint, "cannot listen");
  }
  std::array<char, 256> name{};
  std::size_t size = name.size();
  zmq_getsockopt(impl->socket.get(), ZMQ_LAST_ENDPOINT, name.data(), &size);
  std::unique_ptr<RawEcho> made{new RawEcho};
  made->endpoint_ = name.data();
  impl->thread = std::thread{[held = std::move(impl->socket)] { echo(held.get()); }};
  made->impl_ = std::move(impl);
  return made;
}

RawEcho::~RawEcho() {
  if (!impl_) return;
  zmq_ctx_shutdown(impl_->context.get());
  impl_->thread.join();
}

Expected<std::unique_ptr<RawClient>> RawClient::open(RawContext context, const std::string& endpoint,
                                                     const RawKeys& keys) {
  auto impl = std::make_unique<Impl>();
  impl->context = std::move(context);
  impl->socket.reset(zmq_socket(impl->context.get(), ZMQ_DEALER));
  if (!impl->socket || !set_option(impl->socket.get(), ZMQ_LINGER, 0) ||
      !set_option(impl->socket.get(), ZMQ_RCVTIMEO, 10'000) || !set_option(impl->socket.get(), ZMQ_SNDTIMEO, 10'000) ||
      !set_keys(impl->socket.get(), keys, false) || zmq_connect(impl->socket.get(), endpoint.c_str()) != 0) {
    return refuse(endpoint, "cannot dial");
  }
  std::unique_ptr<RawClient> made{new RawClient};
  made->impl_ = std::move(impl);
  return made;
}

RawClient::~RawClient() = default;

Expected<std::vector<double>> RawClient::run(std::size_t count, std::size_t window, const Buffer& payload) {
  void* socket = impl_->socket.get();
  std::vector<double> times;
  times.reserve(count);
  zmq_msg_t answer;
  zmq_msg_init(&answer);
  std::size_t sent = 0;
  Status ok;
  const auto send_one = [&] {
    while (ok) {
      const int error = send_buffer(socket, payload, false);
      if (error == 0) break;
      if (error == EAGAIN) {  // not connected yet, or full: the socket waits, at most its time limit
        zmq_pollitem_t item{socket, 0, ZMQ_POLLOUT, 0};
        if (zmq_poll(&item, 1, 10'000) > 0) continue;
      }
      ok = fail(Errc::io, "the raw baseline cannot send");
    }
    ++sent;
  };
  const auto begin = Clock::now();
  auto last = begin;
  while (ok && sent < window && sent < count) send_one();
  for (std::size_t got = 0; ok && got < count; ++got) {
    if (!take(socket, answer)) {
      ok = refuse("the raw baseline", "no answer");
      break;
    }
    const auto now = Clock::now();
    if (window == 1) times.push_back(std::chrono::duration<double, std::micro>(now - last).count());
    last = now;
    if (sent < count) send_one();
  }
  zmq_msg_close(&answer);
  if (!ok) return tl::make_unexpected(ok.error());
  if (window > 1) {
    times.push_back(std::chrono::duration<double, std::micro>(last - begin).count() / static_cast<double>(count));
  }
  return times;
}

}  // namespace zenith::wire
