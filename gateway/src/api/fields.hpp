// Validators as data: a request body is a table of fields, each with its rule and what it sets.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/image_source.hpp"
#include "api/spoken_answer.hpp"
#include "zenith/core/error.hpp"
#include "zenith/core/value.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::gateway {

enum class FieldKind : std::uint8_t {
  number,
  integer,
  boolean,
  string,
  object,
  any,      ///< `set` checks the type
  ignored,  ///< stock clients send it and it changes no answer; listed in /props
  refused,  ///< known, not served: `note` says so
};

/// Whether an answer is a stream only when the body asks for it.
enum class Streams : std::uint8_t { as_asked, always };

/// A picture among the parts of a message, and where its text will stand.
struct ChatImage {
  std::uint32_t message = 0, part = 0;
  ImageSource source;
};

/// What a body is turned into.
struct Draft {
  messages::Generate generate;
  std::vector<messages::Prompt> prompts;  ///< completions: one generation each
  bool stream = false, include_usage = false;
  bool has_stream_options = false, has_top_logprobs = false, has_messages = false;
  std::optional<std::int64_t> max_tokens, max_completion_tokens;
  messages::Chat chat;
  std::vector<ChatImage> images;  ///< of the chat, in order: they become generate.staged
  SpokenFields spoken_fields;
  std::optional<SpokenFormat> spoken{};  ///< the answer is spoken
};

struct Field {
  std::string_view name;
  FieldKind kind;
  double low = 0, high = 0;  ///< inclusive; for numbers and integers, and for a string's bytes
  Status (*set)(const Value& value, Draft& draft) = nullptr;
  std::string_view note = {};
  bool open_low = false;   ///< `low` itself is refused
  bool open_high = false;  ///< `high` itself is refused
};

/// Checks every member of `body` against `fields` and applies it. null counts as absent. @returns invalid_argument or
/// unsupported with param = the field's name, for unknown fields too.
Status apply_fields(const Value& body, std::span<const Field> fields, Draft& draft);

/// The names of the fields of that kind, in the table's order.
std::vector<std::string_view> names_of(std::span<const Field> fields, FieldKind kind);

/// "model", sampling, stop, stream …: what chat and completions have in common. @returns rows to be joined with the
/// endpoint's own.
std::vector<Field> generation_fields();

/// The rules between fields, for both; fills in what follows from them (max_tokens, model). @param default_model when
/// none is named.
Status finish_draft(Draft& draft, const std::string& default_model);

/// @returns the text of the type for messages: "a string", "an object" …
std::string_view type_name(const Value& value) noexcept;

inline tl::unexpected<Error> bad_field(std::string_view field, std::string_view what) {
  return fail(Errc::invalid_argument, std::string(field) + ": " + std::string(what), std::string(field));
}

/// A list of token ids. @returns invalid_argument naming `field`.
Expected<std::vector<TokenId>> token_list(const Value& value, std::string_view field);

}  // namespace zenith::gateway
