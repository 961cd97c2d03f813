#include "api/render_parts.hpp"

#include <algorithm>
#include <cmath>

#include "zenith/core/utf8.hpp"

namespace zenith::gateway {
namespace {

void write_bytes(JsonWriter& w, std::string_view bytes) {
  w.begin_array();
  for (const char c : bytes) w.integer(static_cast<unsigned char>(c));
  w.end_array();
}

/// A probability of zero has no JSON number: OpenAI sends -9999.
void write_logprob(JsonWriter& w, float logprob) { w.number(std::isfinite(logprob) ? logprob : -9999.0F); }

void write_entry(JsonWriter& w, const messages::LogprobEntry& e) {
  w.key("token").string(utf8_lossy(e.bytes)).key("logprob");
  write_logprob(w, e.logprob);
  w.key("bytes");
  write_bytes(w, e.bytes);
}

}  // namespace

std::string_view finish_text(messages::FinishReason reason) noexcept {
  switch (reason) {
    case messages::FinishReason::stop: return "stop";
    case messages::FinishReason::length: return "length";
  }
  return "stop";
}

void write_head(JsonWriter& w, const AnswerHead& head, bool chunk) {
  const std::string_view object = head.shape == Shape::completion ? "text_completion"
                                  : chunk                         ? "chat.completion.chunk"
                                                                  : "chat.completion";
  w.key("id").string(head.id).key("object").string(object).key("created").integer(head.created);
  w.key("model").string(head.model).key("system_fingerprint").string(head.fingerprint);
}

void write_usage(JsonWriter& w, const messages::Usage& u) {
  w.begin_object().key("prompt_tokens").integer(u.prompt_tokens).key("completion_tokens").integer(u.completion_tokens);
  w.key("total_tokens").integer(std::int64_t{u.prompt_tokens} + u.completion_tokens);
  w.key("prompt_tokens_details").begin_object().key("cached_tokens").integer(u.cached_tokens).end_object();
  w.key("completion_tokens_details").begin_object().key("reasoning_tokens").integer(u.reasoning_tokens).end_object();
  w.end_object();
}

void write_timings(JsonWriter& w, const messages::Timings& t) {
  const auto rate = [](std::uint32_t n, double ms) { return ms > 0 ? n * 1000.0 / ms : 0.0; };
  w.begin_object().key("cache_n").integer(t.cache_n).key("queue_ms").number(t.queue_ms);
  w.key("prompt_n").integer(t.prompt_n).key("prompt_ms").number(t.prompt_ms);
  w.key("prompt_per_second").number(rate(t.prompt_n, t.prompt_ms));
  w.key("predicted_n").integer(t.predicted_n).key("predicted_ms").number(t.predicted_ms);
  w.key("predicted_per_second").number(rate(t.predicted_n, t.predicted_ms)).end_object();
}

void write_chat_logprobs(JsonWriter& w, const std::vector<messages::TokenLogprobs>& tokens) {
  w.begin_object().key("content").begin_array();
  for (const auto& t : tokens) {
    w.begin_object();
    write_entry(w, t.picked);
    w.key("top_logprobs").begin_array();
    for (const auto& e : t.top) {
      w.begin_object();
      write_entry(w, e);
      w.end_object();
    }
    w.end_array().end_object();
  }
  w.end_array().key("refusal").null().end_object();
}

void write_completion_logprobs(JsonWriter& w, const std::vector<messages::TokenLogprobs>& tokens, std::size_t offset) {
  w.begin_object().key("tokens").begin_array();
  for (const auto& t : tokens) w.string(utf8_lossy(t.picked.bytes));
  w.end_array().key("token_logprobs").begin_array();
  for (const auto& t : tokens) write_logprob(w, t.picked.logprob);
  w.end_array().key("top_logprobs").begin_array();
  for (const auto& t : tokens) {
    w.begin_object();
    std::vector<std::string> seen;  // two tokens may read alike once their bytes are made UTF-8: the likelier stays
    for (const auto& e : t.top) {
      auto text = utf8_lossy(e.bytes);
      if (std::find(seen.begin(), seen.end(), text) != seen.end()) continue;
      w.key(text);
      write_logprob(w, e.logprob);
      seen.push_back(std::move(text));
    }
    w.end_object();
  }
  w.end_array().key("text_offset").begin_array();
  for (const auto& t : tokens) {
    w.integer(static_cast<std::int64_t>(offset));
    offset += characters(t.picked.bytes);
  }
  w.end_array().end_object();
}

std::size_t characters(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace zenith::gateway
