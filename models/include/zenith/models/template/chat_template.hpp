// Chat templates: our own Jinja engine, sandboxed (no I/O, no attribute of the host), bounded in steps, depth and
// output.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/value.hpp"
#include "zenith/models/tokenizer/tokenizer.hpp"

namespace zenith::models {

struct TemplateLimits {
  std::uint64_t steps = 5'000'000;       ///< evaluated nodes
  std::size_t output_bytes = 16u << 20;  ///< of the result, and of any one string built on the way
  std::size_t depth = 200;               ///< nesting of expressions, blocks, macros and values
};

struct TemplateInput {
  Value::Array messages;  ///< objects with role, content (string or typed parts), tool_calls …
  Value::Array tools;     ///< empty = the template sees none
  bool add_generation_prompt = true;
  std::string bos_token, eos_token;
  Value::Object extra;                ///< chat_template_kwargs
  std::int64_t now_unix_seconds = 0;  ///< for strftime_now (UTC)
};

struct Rendered {
  std::string text;
  std::vector<TextRange>
      untrusted;  ///< bytes that come from the content of messages and tools, through any filter or slice
};

/// Immutable after compile; any thread. Flags as in transformers: trim_blocks, lstrip_blocks, loopcontrols, a
/// generation tag.
class ChatTemplate {
 public:
  /// @returns bad_file with line and column.
  static Expected<ChatTemplate> compile(std::string source);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// @returns invalid_argument when the template refuses the messages (raise_exception) or reads what is not there; its
  /// text is in the message. bad_file when a limit is hit ("the chat template ran 5000000 steps …").
  Expected<Rendered> render(const TemplateInput& input, const TemplateLimits& limits = {}) const;
  const std::string& source() const noexcept;

 private:
  struct Impl;
  explicit ChatTemplate(std::shared_ptr<const Impl> impl) noexcept;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace zenith::models
