#include "recording/lines.hpp"

namespace zenith::services::recording {
namespace {

using namespace messages;

constexpr std::size_t kFixed = 512;  // a message's own fields and what the queue needs for it

std::size_t size_of_tokens(const std::vector<TokenId>& tokens) { return tokens.size() * sizeof(TokenId); }

std::size_t size_of(const Value& value) {
  std::size_t bytes = sizeof value;
  if (const auto* text = std::get_if<std::string>(&value.data)) bytes += text->size();
  if (const auto* array = std::get_if<Value::Array>(&value.data)) {
    for (const Value& one : *array) bytes += size_of(one);
  }
  if (const auto* object = std::get_if<Value::Object>(&value.data)) {
    for (const auto& [key, one] : *object) bytes += key.size() + size_of(one);
  }
  return bytes;
}

std::size_t size_of(const Chat& chat) {
  std::size_t bytes = size_of(Value{chat.template_kwargs});
  for (const ChatMessage& message : chat.messages) {
    bytes += sizeof message + message.name.size() + message.reasoning_content.size();
    for (const std::string& part : message.text_parts) bytes += sizeof part + part.size();
  }
  return bytes;
}

std::size_t size_of(const std::string& text) { return text.size(); }
std::size_t size_of(const std::vector<TokenId>& tokens) { return size_of_tokens(tokens); }

}  // namespace

std::size_t size_of(const Generate& request) {
  std::size_t bytes = kFixed + request.sampling.logit_bias.size() * sizeof(std::pair<TokenId, float>);
  bytes += std::visit([](const auto& prompt) { return size_of(prompt); }, request.prompt);
  for (const std::string& stop : request.stop) bytes += sizeof stop + stop.size();
  return bytes;
}

std::size_t size_of(const Embed& request) {
  std::size_t bytes = kFixed;
  for (const auto& input : request.inputs) {
    bytes += sizeof input + std::visit([](const auto& one) { return size_of(one); }, input);
  }
  return bytes;
}

std::size_t size_of(const Tokenize& request) { return kFixed + request.content.size(); }
std::size_t size_of(const Detokenize& request) { return kFixed + size_of_tokens(request.tokens); }
std::size_t size_of(const ApplyTemplate& request) { return kFixed + size_of(request.chat); }

std::size_t size_of(const Event& event) {
  std::size_t bytes = kFixed;
  if (const auto* delta = std::get_if<Delta>(&event)) {
    bytes += delta->content.size() + delta->reasoning.size();
    for (const TokenLogprobs& one : delta->logprobs) bytes += (1 + one.top.size()) * 2 * sizeof(LogprobEntry);
  }
  if (const auto* error = std::get_if<Error>(&event)) bytes += error->message.size();
  return bytes;
}

std::size_t size_of(const Expected<Embeddings>& reply) {
  std::size_t bytes = kFixed;
  if (reply) {
    for (const auto& vector : reply->vectors) bytes += sizeof vector + vector.size() * sizeof(float);
  }
  return bytes;
}
std::size_t size_of(const Expected<Tokens>& reply) { return kFixed + (reply ? size_of_tokens(reply->tokens) : 0); }
std::size_t size_of(const Expected<Text>& reply) { return kFixed + (reply ? reply->text.size() : 0); }

}  // namespace zenith::services::recording
