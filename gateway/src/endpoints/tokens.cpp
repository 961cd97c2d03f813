// POST /tokenize, /detokenize, /apply-template: what the model sees of a text, a list of ids, a conversation.
#include "api/chat_request.hpp"
#include "api/members.hpp"
#include "call.hpp"
#include "endpoints/endpoints.hpp"
#include "json/write.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::gateway {
namespace {

template <class T>
tl::unexpected<Error> pass(const Expected<T>& e) {
  return tl::make_unexpected(e.error());
}

Expected<messages::Tokenize> read_tokenize(const Value& body, const std::string& default_model) {
  if (auto status = only_members(body, {"content", "add_special", "parse_special", "model"}); !status)
    return pass(status);
  auto content = member<std::string>(body, "content");
  if (!content) return pass(content);
  if (!*content) return bad_field("content", "is missing");
  const auto add = member<bool>(body, "add_special");
  if (!add) return pass(add);
  const auto parse = member<bool>(body, "parse_special");
  if (!parse) return pass(parse);
  auto model = model_of(body, default_model);
  if (!model) return pass(model);
  return messages::Tokenize{{}, std::move(*model), std::move(**content), add->value_or(false), parse->value_or(false)};
}

Expected<messages::Detokenize> read_detokenize(const Value& body, const std::string& default_model) {
  if (auto status = only_members(body, {"tokens", "model"}); !status) return pass(status);
  const Value* list = find(body, "tokens");
  if (list == nullptr) return bad_field("tokens", "is missing");
  auto tokens = token_list(*list, "tokens");
  if (!tokens) return pass(tokens);
  auto model = model_of(body, default_model);
  if (!model) return pass(model);
  return messages::Detokenize{{}, std::move(*model), std::move(*tokens)};
}

Expected<messages::ApplyTemplate> read_apply_template(const Value& body, const std::string& default_model) {
  if (auto status = only_members(body, {"messages", "add_generation_prompt", "chat_template_kwargs", "model"}); !status)
    return pass(status);
  const Value* list = find(body, "messages");
  if (list == nullptr) return bad_field("messages", "is missing");
  messages::ApplyTemplate out;
  auto chat = read_messages(*list, nullptr);
  if (!chat) return pass(chat);
  out.chat.messages = std::move(*chat);
  if (const Value* kwargs = find(body, "chat_template_kwargs"); kwargs != nullptr && kwargs->data.index() != 0) {
    const auto* object = std::get_if<Value::Object>(&kwargs->data);
    if (object == nullptr) return bad_field("chat_template_kwargs", "must be an object");
    out.chat.template_kwargs = *object;
  }
  const auto add = member<bool>(body, "add_generation_prompt");
  if (!add) return pass(add);
  out.add_generation_prompt = add->value_or(true);
  auto model = model_of(body, default_model);
  if (!model) return pass(model);
  out.model = std::move(*model);
  return out;
}

}  // namespace

void tokenize(const std::shared_ptr<Call>& call) {
  auto request = call->json().and_then(
      [&](const Value& body) { return read_tokenize(body, call->gateway.options.default_model); });
  if (!request) return call->fail(request.error());
  request->header = call->header();
  auto reply = call->expect<messages::Tokens>([](Call& c, messages::Tokens result) {
    JsonWriter w;
    w.begin_object().key("tokens").begin_array();
    for (const auto token : result.tokens) w.integer(token);
    w.end_array().end_object();
    c.reply_json(w.take());
  });
  call->gateway.port.tokenize(std::move(*request), std::move(reply));
}

void detokenize(const std::shared_ptr<Call>& call) {
  auto request = call->json().and_then(
      [&](const Value& body) { return read_detokenize(body, call->gateway.options.default_model); });
  if (!request) return call->fail(request.error());
  request->header = call->header();
  auto reply = call->expect<messages::Text>([](Call& c, messages::Text result) {
    JsonWriter w;  // part of a character is no JSON: it becomes U+FFFD
    w.begin_object().key("content").string(utf8_lossy(result.text)).end_object();
    c.reply_json(w.take());
  });
  call->gateway.port.detokenize(std::move(*request), std::move(reply));
}

void apply_template(const std::shared_ptr<Call>& call) {
  auto request = call->json().and_then(
      [&](const Value& body) { return read_apply_template(body, call->gateway.options.default_model); });
  if (!request) return call->fail(request.error());
  request->header = call->header();
  auto reply = call->expect<messages::Text>([](Call& c, messages::Text result) {
    JsonWriter w;
    w.begin_object().key("prompt").string(utf8_lossy(result.text)).end_object();
    c.reply_json(w.take());
  });
  call->gateway.port.apply_template(std::move(*request), std::move(reply));
}

}  // namespace zenith::gateway
