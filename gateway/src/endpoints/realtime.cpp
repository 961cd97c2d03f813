// GET /v1/realtime: a conversation over a WebSocket (see realtime/conversation.hpp).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "endpoints/endpoints.hpp"
#include "realtime/session.hpp"

namespace zenith::gateway {
namespace {

constexpr std::size_t kMostMessage = std::size_t{22} << 20;  ///< 15 MiB of sound in base64, and room to say so

HttpReply refused(Errc code, std::string message, std::string param) {
  return error_reply({code, std::move(message), std::move(param), {}});
}

/// The query's model; empty: none is named. @returns the field at fault and why.
Expected<std::string> model_of_query(std::string_view target) {
  const auto mark = target.find('?');
  std::string model;
  for (auto rest = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1); !rest.empty();) {
    const auto part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const auto name = part.substr(0, part.find('='));
    if (name.empty()) continue;
    if (name != "model") {
      return fail(Errc::invalid_argument,
                  fmt::format("{}: is no parameter that is known here; model is", name.substr(0, 60)),
                  std::string{name.substr(0, 60)});
    }
    const auto value = percent_decode(part.substr(std::min(part.size(), name.size() + 1)));
    if (!value || value->size() > 512) return fail(Errc::invalid_argument, "model: is no name of a model", "model");
    model = *value;
  }
  return model;
}

Expected<std::string> text_model(const Call& call) {
  auto model = model_of_query(call.request.target);
  if (!model) return model;
  if (model->empty()) *model = call.gateway.options.default_model;
  if (model->empty())
    return fail(Errc::invalid_argument, "model: is missing and this server has no default model", "model");
  const auto snapshot = call.gateway.port.snapshot();
  std::vector<std::string> known;
  for (const auto& entry : snapshot.models) {
    if (entry.kind != messages::ModelKind::generate) continue;
    if (entry.name == *model) return model;
    known.push_back(entry.name);
  }
  if (known.empty()) return fail(Errc::loading, "no text model is ready yet");
  return fail(Errc::not_found,
              fmt::format("there is no text model \"{}\": known are {}", *model, fmt::join(known, ", ")), "model");
}

std::optional<HttpReply> refuse(const Call& call) {
  const auto model = text_model(call);
  if (!model) return refused(model.error().code, model.error().message, model.error().param);
  return std::nullopt;
}

std::shared_ptr<SocketSession> open(const Call& call, SocketHost host) {
  return std::make_shared<realtime::RealtimeSession>(call, text_model(call).value_or(std::string{}), std::move(host));
}

}  // namespace

const SocketKind kRealtimeSocket{kMostMessage, refuse, open};

// Its messages are events, not requests: the connection gives them to the session.
void talk(const std::shared_ptr<Call>& call) {
  call->fail({Errc::invalid_argument, "a conversation is no request", {}, {}});
}

}  // namespace zenith::gateway
