// GET /props: what this server is, its limits, which fields it takes, ignores and refuses.
#include "api/chat_request.hpp"
#include "api/completion_request.hpp"
#include "call.hpp"
#include "endpoints/endpoints.hpp"
#include "json/write.hpp"

namespace zenith::gateway {
namespace {

void write_names(JsonWriter& w, const std::vector<std::string_view>& names) {
  w.begin_array();
  for (const auto name : names) w.string(name);
  w.end_array();
}

std::vector<std::string_view> served(std::span<const Field> fields) {
  std::vector<std::string_view> names;
  for (const auto& f : fields) {
    if (f.kind != FieldKind::ignored && f.kind != FieldKind::refused) names.push_back(f.name);
  }
  return names;
}

void write_fields(JsonWriter& w, std::span<const Field> fields) {
  w.begin_object().key("served");
  write_names(w, served(fields));
  w.key("accepted_and_ignored");
  write_names(w, names_of(fields, FieldKind::ignored));
  w.key("refused");
  write_names(w, names_of(fields, FieldKind::refused));
  w.end_object();
}

}  // namespace

void props(const std::shared_ptr<Call>& call) {
  const auto& options = call->gateway.options;
  const auto& limits = options.limits;
  const auto integer = [](auto n) { return static_cast<std::int64_t>(n); };
  JsonWriter w;
  w.begin_object().key("version").string(call->gateway.version);
  w.key("default_model")
      .string(options.default_model)
      .key("default_embedding_model")
      .string(options.default_embedding_model);
  w.key("accepted_and_ignored");
  write_names(w, names_of(chat_fields(), FieldKind::ignored));
  w.key("fields").begin_object().key("/v1/chat/completions");
  write_fields(w, chat_fields());
  w.key("/v1/completions");
  write_fields(w, completion_fields());
  w.end_object().key("limits").begin_object();
  w.key("body_bytes").integer(integer(limits.body_bytes)).key("header_bytes").integer(integer(limits.header_bytes));
  w.key("connections").integer(integer(limits.connections)).key("json_depth").integer(integer(limits.json_depth));
  w.key("websocket_message_bytes").integer(integer(limits.websocket_message_bytes));
  w.key("request_deadline_s").integer(integer(limits.request_deadline.count()));
  w.end_object().end_object();
  call->reply_json(w.take());
}

}  // namespace zenith::gateway
