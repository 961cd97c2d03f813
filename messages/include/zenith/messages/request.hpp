// What travels from the gateway to the router and on to services. Plain data: no JSON, no CAF, no sockets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/core/ids.hpp"
#include "zenith/core/sampling.hpp"
#include "zenith/core/value.hpp"

namespace zenith::messages {

/// W3C trace context; all zero = none.
struct TraceContext {
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint8_t flags = 0;
};

enum class Priority : std::uint8_t { background, normal, interactive };

/// Every request carries this.
struct Header {
  RequestId id;
  TenantId tenant;
  Deadline deadline;  ///< always finite
  Priority priority = Priority::normal;
  TraceContext trace;
};

struct ChatMessage {
  std::string role;  ///< system, developer, user, assistant, tool
  std::vector<std::string> text_parts;
  std::string name;               ///< empty if none
  std::string reasoning_content;  ///< of an earlier assistant turn
};

struct Chat {
  std::vector<ChatMessage> messages;
  Value::Object template_kwargs;
  std::string reasoning_effort;  ///< empty = the template's default
};
using Prompt = std::variant<Chat, std::string, std::vector<TokenId>>;

/// One generation with `n` choices. The credit window bounds what waits for a slow client: the service sends at most
/// `credit_events` events beyond those granted, then the sequence pauses.
struct Generate {
  Header header;
  std::string model;  ///< name or alias; resolved by the directory
  Prompt prompt;
  SamplingParams sampling;
  std::uint32_t choices = 1;                ///< `n`
  std::optional<std::uint32_t> max_tokens;  ///< absent: up to the context
  std::vector<std::string> stop;
  bool logprobs = false;
  std::uint32_t top_logprobs = 0;
  bool echo = false;  ///< completions: the prompt's text comes first
  std::uint32_t credit_events = 256;
};

/// Embeddings of one or more inputs.
struct Embed {
  Header header;
  std::string model;
  std::vector<std::variant<std::string, std::vector<TokenId>>> inputs;
};

struct Tokenize {
  Header header;
  std::string model, content;
  bool add_special = false, parse_special = false;
};
struct Detokenize {
  Header header;
  std::string model;
  std::vector<TokenId> tokens;
};
struct ApplyTemplate {
  Header header;
  std::string model;
  Chat chat;
  bool add_generation_prompt = true;
};

}  // namespace zenith::messages
