// A service's events as OpenAI's JSON: a stream of chunks, or one body at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/messages/reply.hpp"

namespace zenith::gateway {

enum class Shape : std::uint8_t { chat, completion };

/// What every chunk and body of one answer repeats.
struct AnswerHead {
  Shape shape = Shape::chat;
  std::string id;     ///< "chatcmpl-…"
  std::string model;  ///< as the client named it
  std::string fingerprint;
  std::int64_t created = 0;
  std::uint32_t choices = 1;  ///< over all prompts
  bool logprobs = false;
  bool include_usage = false;
  std::string audio_id{};  ///< "audio_…" of an answer that is spoken: its text is the transcript
  std::function<std::string(const messages::Finished&)> zenith{};  ///< the member "zenith" with its name, or nothing
};

/// One thread. Events come in the order of messages::Event, for any interleaving of choices.
class Renderer {
 public:
  virtual ~Renderer() = default;
  /// Appends the chunks (JSON texts) that this event makes; none, for a renderer that answers at the end.
  virtual void on(const messages::Event& event, std::vector<std::string>& chunks) = 0;
  /// Speech: in a stream the next samples, else the whole file, before Finished.
  virtual void sound(std::string_view bytes, std::vector<std::string>& chunks) = 0;
  /// After Finished: the whole body; empty for a stream.
  virtual std::string body() { return {}; }
};

std::unique_ptr<Renderer> stream_renderer(AnswerHead head);
std::unique_ptr<Renderer> body_renderer(AnswerHead head);

}  // namespace zenith::gateway
