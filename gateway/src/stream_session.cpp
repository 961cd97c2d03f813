#include "stream_session.hpp"

#include <utility>

namespace zenith::gateway {
namespace {

constexpr std::size_t kCommandBytes = 256;  ///< a chat request this small is possible too: it is parsed twice

bool is_cancel(const std::string& text) {
  if (text.size() > kCommandBytes) return false;
  const auto value = parse_json(text, {.depth = 4, .nodes = 16});
  if (!value) return false;
  const auto* type = find(*value, "type");
  const auto* name = type != nullptr ? std::get_if<std::string>(&type->data) : nullptr;
  return name != nullptr && *name == "cancel";
}

}  // namespace

const SocketKind kStreamSocket{.open = [](const Call& call, SocketHost host) -> std::shared_ptr<SocketSession> {
  return std::make_shared<StreamSession>(call.gateway, call.request, std::move(host));
}};

std::string stream_done(std::string_view reason) {
  return std::string(R"({"type":"done","reason":")").append(reason).append(R"("})");
}

void StreamSession::on_message(std::string text) {
  if (is_cancel(text)) {
    if (running()) {
      const auto cancel = call_->cancel_by_client;
      cancel();
    }
    return;  // a cancel that comes after the end crossed it on the way
  }
  if (running()) {
    const auto busy = host_.make_outlet();
    busy->send(error_body({Errc::invalid_argument,
                           "a request is running on this connection: cancel it, or open another connection",
                           {},
                           {}}),
               0);
    return;
  }
  auto request = handshake_;
  request.body = text.empty() ? std::string{" "} : std::move(text);
  outlet_ = host_.make_outlet();
  call_ = gateway_.open(std::move(request), outlet_);
  gateway_.run(call_);
}

void StreamSession::on_closed() {
  const auto outlet = std::exchange(outlet_, nullptr);
  if (outlet && outlet->on_gone) {
    const auto gone = outlet->on_gone;
    gone();
  }
  call_.reset();
}

}  // namespace zenith::gateway
