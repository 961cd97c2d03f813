// The pieces of an answer that streams and bodies share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/render.hpp"
#include "json/write.hpp"

namespace zenith::gateway {

std::string_view finish_text(messages::FinishReason reason) noexcept;
void write_head(JsonWriter& w, const AnswerHead& head, bool chunk);
void write_usage(JsonWriter& w, const messages::Usage& usage);
void write_timings(JsonWriter& w, const messages::Timings& timings);
/// {"content":[{token, logprob, bytes, top_logprobs}]}
void write_chat_logprobs(JsonWriter& w, const std::vector<messages::TokenLogprobs>& tokens);
/// {"tokens","token_logprobs","top_logprobs","text_offset"}; @param offset characters of the choice's text before these
/// tokens.
void write_completion_logprobs(JsonWriter& w, const std::vector<messages::TokenLogprobs>& tokens, std::size_t offset);
/// Unicode characters in UTF-8 text.
std::size_t characters(std::string_view text) noexcept;

}  // namespace zenith::gateway
