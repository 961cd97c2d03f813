#include "zap.hpp"

#include <array>
#include <string_view>
#include <vector>

#include "zenith/core/log.hpp"

namespace zenith::wire {
namespace {

constexpr std::size_t kVersion = 0, kRequest = 1, kAddress = 3, kMechanism = 5, kCredentials = 6, kFrames = 7;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kTold = 256;  ///< keys that are named in the log; of further ones only the counter tells

std::string_view text(ReceivedFrame& frame) {
  const auto bytes = frame.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Expected<ZapHandler> ZapHandler::open(void* context, std::filesystem::path allow) {
  SocketHandle socket{zmq_socket(context, ZMQ_REP)};
  if (!socket || !set_option(socket.get(), ZMQ_LINGER, 0) || !set_option(socket.get(), ZMQ_RCVTIMEO, 0) ||
      !set_option(socket.get(), ZMQ_SNDTIMEO, 0) || zmq_bind(socket.get(), "inproc://zeromq.zap.01") != 0) {
    return fail(Errc::io, "cannot check the keys of clients: " + zmq_reason());
  }
  return ZapHandler{std::move(socket), std::move(allow)};
}

std::size_t ZapHandler::answer() {
  std::size_t refused = 0;
  for (;;) {
    std::vector<std::unique_ptr<ReceivedFrame>> frames;
    bool more = true;
    while (more) {
      auto frame = std::make_unique<ReceivedFrame>();
      if (receive_frame(socket_.get(), *frame) != 0) return refused;
      more = zmq_msg_more(&frame->msg) != 0;
      if (frames.size() <= kFrames) frames.push_back(std::move(frame));
    }
    bool allowed = frames.size() == kFrames && text(*frames[kVersion]) == "1.0" && text(*frames[kMechanism]) == "CURVE";
    if (allowed) {
      const auto key = frames[kCredentials]->bytes();
      allowed = key.size() == kKeyBytes && allow_.allows(std::span<const std::byte, kKeyBytes>{key});
    }
    if (!allowed) {
      ++refused;
      if (frames.size() > kCredentials) tell(frames[kCredentials]->bytes(), text(*frames[kAddress]));
    }
    const std::string_view request = frames.size() > kRequest ? text(*frames[kRequest]) : std::string_view{};
    const std::string_view status = allowed ? "200" : "400", reason = allowed ? "OK" : "unknown key";
    for (const auto part : {std::string_view{"1.0"}, request, status, reason, std::string_view{}}) {
      if (send_copy(socket_.get(), part.data(), part.size(), true) != 0) return refused;
    }
    if (send_copy(socket_.get(), "", 0, false) != 0) return refused;
  }
}

void ZapHandler::tell(std::span<const std::byte> key, std::string_view address) {
  if (key.size() != kKeyBytes || told_.size() >= kTold) return;
  std::array<char, 41> name{};
  zmq_z85_encode(name.data(), reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
  if (!told_.insert(name.data()).second) return;
  log(LogLevel::warn, "curve", "a client was refused: its key is not in the allow folder",
      {{"key", name.data()}, {"address", address}, {"folder", allow_.folder().string()}});
}

}  // namespace zenith::wire
