// Events of a generation, and replies.
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "errors.hpp"
#include "sensor.hpp"
#include "vision.hpp"

namespace zenith::links {
namespace {

// ---- events

At<fb::LogprobEntry> write_entry(Writer& w, const messages::LogprobEntry& entry) {
  const auto bytes = w.bytes(entry.bytes);
  return fb::CreateLogprobEntry(w.fbb(), entry.token, bytes, entry.logprob);
}

At<fb::TokenLogprobs> write_logprobs(Writer& w, const messages::TokenLogprobs& token) {
  const auto picked = write_entry(w, token.picked);
  const auto top = w.rows<fb::LogprobEntry>(token.top, [&](const auto& entry) { return write_entry(w, entry); });
  return fb::CreateTokenLogprobs(w.fbb(), picked, top);
}

At<void> write_happening(Writer& w, const messages::Started& e) {
  return fb::CreateStarted(w.fbb(), e.prompt_tokens).Union();
}

At<void> write_happening(Writer& w, const messages::Delta& e) {
  const auto content = w.text(e.content, "content");
  const auto reasoning = w.text(e.reasoning, "reasoning");
  const auto logprobs =
      w.rows<fb::TokenLogprobs>(e.logprobs, [&](const auto& token) { return write_logprobs(w, token); });
  const auto tokens = w.tokens(e.tokens);
  return fb::CreateDelta(w.fbb(), e.choice, content, reasoning, logprobs, tokens).Union();
}

At<void> write_happening(Writer& w, const messages::ChoiceEnd& e) {
  return fb::CreateChoiceEnd(w.fbb(), e.choice, to_fb(e.reason), e.completion_tokens, e.reasoning_tokens).Union();
}

At<void> write_happening(Writer& w, const messages::Finished& e) {
  const auto& u = e.usage;
  const auto& t = e.timings;
  const auto path = w.texts(e.modality_path, "modality_path");
  return fb::CreateFinished(w.fbb(), u.prompt_tokens, u.completion_tokens, u.cached_tokens, u.reasoning_tokens,
                            t.prompt_n, t.predicted_n, t.cache_n, t.queue_ms, t.prompt_ms, t.predicted_ms, path)
      .Union();
}

At<void> write_happening(Writer& w, const messages::Audio& e) {
  return fb::CreateAudio(w.fbb(), e.sample_rate).Union();
}

At<void> write_happening(Writer& w, const messages::AudioBytes&) { return fb::CreateAudioBytes(w.fbb()).Union(); }

At<void> write_happening(Writer& w, const messages::Frames& e) { return write_frames(w, e).Union(); }

template <class E>
constexpr fb::Happening kHappening = fb::Happening::NONE;
template <>
constexpr fb::Happening kHappening<messages::Started> = fb::Happening::Started;
template <>
constexpr fb::Happening kHappening<messages::Delta> = fb::Happening::Delta;
template <>
constexpr fb::Happening kHappening<messages::ChoiceEnd> = fb::Happening::ChoiceEnd;
template <>
constexpr fb::Happening kHappening<messages::Finished> = fb::Happening::Finished;
template <>
constexpr fb::Happening kHappening<messages::Audio> = fb::Happening::Audio;
template <>
constexpr fb::Happening kHappening<messages::AudioBytes> = fb::Happening::AudioBytes;
template <>
constexpr fb::Happening kHappening<messages::Frames> = fb::Happening::Frames;

messages::LogprobEntry read_entry(Reader& r, const fb::LogprobEntry* from) {
  if (from == nullptr) {
    r.fail("logprobs", "has no picked token");
    return {};
  }
  if (std::isnan(from->logprob())) r.fail("logprobs", "is no number");
  return {from->token(), r.bytes(from->bytes(), "logprobs.bytes"), from->logprob()};
}

messages::TokenLogprobs read_logprobs(Reader& r, const fb::TokenLogprobs& from) {
  messages::TokenLogprobs out{read_entry(r, from.picked()), {}};
  const auto n = r.count(from.top(), 2 * sizeof(flatbuffers::uoffset_t), "logprobs.top");
  out.top.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i) out.top.push_back(read_entry(r, from.top()->Get(i)));
  return out;
}

messages::Delta read_delta(Reader& r, const fb::Delta& from) {
  messages::Delta out;
  out.choice = from.choice();
  out.content = r.text(from.content(), "content");
  out.reasoning = r.text(from.reasoning(), "reasoning");
  const auto n = r.count(from.logprobs(), 2 * sizeof(flatbuffers::uoffset_t), "logprobs");
  out.logprobs.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i)
    out.logprobs.push_back(read_logprobs(r, *from.logprobs()->Get(i)));
  out.tokens = r.tokens(from.tokens(), "tokens");
  return out;
}

messages::Finished read_finished(Reader& r, const fb::Finished& from) {
  for (const double ms : {from.queue_ms(), from.prompt_ms(), from.predicted_ms()}) {
    if (!std::isfinite(ms)) r.fail("timings", "is no number");
  }
  return {{from.prompt_tokens(), from.completion_tokens(), from.cached_tokens(), from.reasoning_tokens()},
          {from.prompt_n(), from.predicted_n(), from.cache_n(), from.queue_ms(), from.prompt_ms(), from.predicted_ms()},
          r.texts(from.modality_path(), "modality_path")};
}

template <class T>
Tensor write_row(DType dtype, const std::vector<T>& row) {
  std::vector<std::byte> bytes(row.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), row.data(), bytes.size());
  return Tensor{dtype, 1, {static_cast<std::uint32_t>(row.size())}, Buffer::of(std::move(bytes))};
}

template <class T>
std::vector<T> read_row(Reader& r, DType dtype, std::size_t most, const std::vector<Tensor>& tensors) {
  if (tensors.size() != 1 || tensors.front().dtype != dtype || tensors.front().rank != 1) {
    r.fail("samples", fmt::format("are no {} tensor of rank 1", dtype_info(dtype).name));
    return {};
  }
  const Tensor& t = tensors.front();
  if (t.dims[0] == 0 || t.dims[0] > most) {
    r.fail("samples", "are none or too many");
    return {};
  }
  std::vector<T> out(t.dims[0]);
  std::memcpy(out.data(), t.data.data(), out.size() * sizeof(T));
  return out;
}

messages::Audio read_audio(Reader& r, const fb::Audio& from, const std::vector<Tensor>& tensors) {
  if (from.sample_rate() == 0) r.fail("sample_rate", "is 0");
  return {from.sample_rate(), read_row<std::int16_t>(r, DType::i16, messages::kMostSamples, tensors)};
}

messages::Event read_event(Reader& r, const fb::Event& from, const std::vector<Tensor>& tensors) {
  if (const auto* e = from.happening_as_Started()) return messages::Started{e->prompt_tokens()};
  if (const auto* e = from.happening_as_Delta()) return read_delta(r, *e);
  if (const auto* e = from.happening_as_ChoiceEnd())
    return messages::ChoiceEnd{e->choice(), r.one_of<messages::FinishReason>(e->reason(), "reason"),
                               e->completion_tokens(), e->reasoning_tokens()};
  if (const auto* e = from.happening_as_Finished()) return read_finished(r, *e);
  if (const auto* e = from.happening_as_Audio()) return read_audio(r, *e, tensors);
  if (from.happening_as_AudioBytes() != nullptr)
    return messages::AudioBytes{read_row<std::uint8_t>(r, DType::u8, messages::kMostAudioBytes, tensors)};
  if (const auto* e = from.happening_as_Frames()) return read_frames(r, *e, tensors);
  r.fail("happening", "is none that is known");
  return {};
}

// ---- replies

Expected<Tensor> write_vectors(const std::vector<std::vector<float>>& vectors) {
  const std::size_t width = vectors.empty() ? 0 : vectors.front().size();
  std::vector<std::byte> bytes(vectors.size() * width * sizeof(float));
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (vectors[i].size() != width || width == 0)
      return fail(Errc::internal,
                  fmt::format("embedding {} has {} numbers, the first has {}", i, vectors[i].size(), width));
    std::memcpy(bytes.data() + i * width * sizeof(float), vectors[i].data(), width * sizeof(float));
  }
  return Tensor{DType::f32,
                2,
                {static_cast<std::uint32_t>(vectors.size()), static_cast<std::uint32_t>(width)},
                Buffer::of(std::move(bytes))};
}

Expected<std::vector<std::vector<float>>> read_vectors(const std::vector<Tensor>& tensors) {
  if (tensors.size() != 1) return bad_body("vectors", fmt::format("{} tensors came, not one", tensors.size()));
  const Tensor& t = tensors.front();
  if (t.dtype != DType::f32 || t.rank != 2) return bad_body("vectors", "is no f32 tensor of rank 2");
  const std::size_t rows = t.dims[0], width = t.dims[1];
  if (width == 0 && rows != 0) return bad_body("vectors", "have no numbers");
  std::vector<std::vector<float>> out(rows, std::vector<float>(width));
  for (std::size_t i = 0; i < rows; ++i)
    std::memcpy(out[i].data(), t.data.data() + i * width * sizeof(float), width * sizeof(float));
  return out;
}

At<fb::Transcript> write_transcript(Writer& w, const messages::Transcript& t) {
  const auto language = w.text(t.language, "language");
  const auto segments = w.rows<fb::TranscriptSegment>(t.segments, [&](const messages::TranscriptSegment& s) {
    const auto text = w.text(s.text, "text");
    const auto tokens = w.tokens(s.tokens);
    return fb::CreateTranscriptSegment(w.fbb(), s.start, s.end, text, tokens, s.avg_logprob, s.no_speech_prob,
                                       s.compression_ratio, s.temperature);
  });
  return fb::CreateTranscript(w.fbb(), language, t.duration, segments);
}

messages::TranscriptSegment read_segment(Reader& r, const fb::TranscriptSegment& from) {
  if (!(from.start() >= 0 && from.end() >= from.start() && std::isfinite(from.end()))) {
    r.fail("segments", "have times that run backwards");
  }
  for (const float x : {from.avg_logprob(), from.no_speech_prob(), from.compression_ratio(), from.temperature()}) {
    if (!std::isfinite(x)) r.fail("segments", "hold what is no number");
  }
  return {from.start(),
          from.end(),
          r.text(from.text(), "segments.text"),
          r.tokens(from.tokens(), "segments.tokens"),
          from.avg_logprob(),
          from.no_speech_prob(),
          from.compression_ratio(),
          from.temperature()};
}

messages::Transcript read_transcript(Reader& r, const fb::Transcript& from) {
  messages::Transcript out;
  out.language = r.text(from.language(), "language");
  out.duration = from.duration();
  if (!(out.duration >= 0 && std::isfinite(out.duration))) r.fail("duration", "is no number of seconds");
  const auto n = r.count(from.segments(), 2 * sizeof(flatbuffers::uoffset_t), "segments");
  out.segments.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i)
    out.segments.push_back(read_segment(r, *from.segments()->Get(i)));
  return out;
}

Reply read_reply(Reader& r, const fb::Reply& from, const std::vector<Tensor>& tensors) {
  if (const auto* a = from.answer_as_Embeddings()) return messages::Embeddings{{}, a->prompt_tokens()};
  if (const auto* a = from.answer_as_Tokens()) return messages::Tokens{r.tokens(a->tokens(), "tokens")};
  if (const auto* a = from.answer_as_Text()) return messages::Text{r.text(a->text(), "text")};
  if (const auto* a = from.answer_as_Transcript()) return read_transcript(r, *a);
  if (const auto* a = from.answer_as_ImageReading()) return read_reading(r, *a);
  if (const auto* a = from.answer_as_Window()) return read_window(r, *a, tensors);
  r.fail("answer", "is none that is known");
  return Error{};
}

/// Null of an error.
template <class R>
auto* spent_in(R& reply) {
  return std::visit(
      []<class A>(A& answer) -> std::conditional_t<std::is_const_v<R>, const messages::Spent, messages::Spent>* {
        if constexpr (std::is_same_v<std::remove_const_t<A>, Error>) {
          return nullptr;
        } else {
          return &answer.spent;
        }
      },
      reply);
}

wire::Message begin(wire::Kind kind, RequestId id, std::uint16_t flags) {
  wire::Message out;
  out.header.kind = kind;
  out.header.request_id = id.value;
  out.header.flags = flags;
  return out;
}

}  // namespace

wire::Message event_to_wire(RequestId id, const messages::Event& event) {
  return std::visit(
      [&]<class E>(const E& e) {
        if constexpr (std::is_same_v<E, Error>) {
          return error_to_wire(id, e);
        } else {
          auto out =
              begin(wire::Kind::event, id, static_cast<std::uint16_t>(messages::is_last(event) ? wire::kLast : 0));
          Writer w{BadText::repair};
          const auto at = write_happening(w, e);
          out.body = w.finish(fb::CreateEvent(w.fbb(), kHappening<E>, at));
          if constexpr (std::is_same_v<E, messages::Audio>) out.tensors.push_back(write_row(DType::i16, e.samples));
          if constexpr (std::is_same_v<E, messages::AudioBytes>) out.tensors.push_back(write_row(DType::u8, e.bytes));
          if constexpr (std::is_same_v<E, messages::Frames>) out.tensors.push_back(frame_values(e));
          return out;
        }
      },
      event);
}

Expected<messages::Event> event_from_wire(const wire::Message& message) {
  if (message.header.kind == wire::Kind::error) return decode_error(message.body);
  if (auto kind = check_kind(message, wire::Kind::event); !kind) return tl::make_unexpected(kind.error());
  auto event = read_body<fb::Event>(message.body, "event",
                                    [&](const auto& root, Reader& r) { return read_event(r, root, message.tensors); });
  if (event && messages::is_last(*event) != ((message.header.flags & wire::kLast) != 0))
    return bad_body("flags", "the flag for the last event does not agree with the event");
  return event;
}

wire::Message reply_to_wire(RequestId id, const Reply& reply) {
  if (const auto* error = std::get_if<Error>(&reply)) return error_to_wire(id, *error);
  auto out = begin(wire::Kind::reply, id, wire::kLast);
  if (const auto* spent = spent_in(reply)) {
    out.header.queue_us = spent->queue_us;
    out.header.service_us = spent->compute_us;
  }
  Writer w{BadText::repair};
  At<void> at;
  auto type = fb::Answer::NONE;
  if (const auto* embeddings = std::get_if<messages::Embeddings>(&reply)) {
    auto vectors = write_vectors(embeddings->vectors);
    if (!vectors) return error_to_wire(id, vectors.error());
    out.tensors.push_back(*std::move(vectors));
    type = fb::Answer::Embeddings;
    at = fb::CreateEmbeddings(w.fbb(), embeddings->prompt_tokens).Union();
  } else if (const auto* tokens = std::get_if<messages::Tokens>(&reply)) {
    type = fb::Answer::Tokens;
    const auto ids = w.tokens(tokens->tokens);
    at = fb::CreateTokens(w.fbb(), ids).Union();
  } else if (const auto* transcript = std::get_if<messages::Transcript>(&reply)) {
    type = fb::Answer::Transcript;
    at = write_transcript(w, *transcript).Union();
  } else if (const auto* reading = std::get_if<messages::ImageReading>(&reply)) {
    type = fb::Answer::ImageReading;
    at = write_reading(w, *reading).Union();
  } else if (const auto* window = std::get_if<messages::Window>(&reply)) {
    type = fb::Answer::Window;
    at = write_window(w, *window).Union();
    for (const auto& picture : window->pictures) {
      out.tensors.push_back(Tensor{DType::u8, 1, {static_cast<std::uint32_t>(picture.file.size())}, picture.file});
    }
  } else {
    type = fb::Answer::Text;
    const auto text = w.text(std::get<messages::Text>(reply).text, "text");
    at = fb::CreateText(w.fbb(), text).Union();
  }
  out.body = w.finish(fb::CreateReply(w.fbb(), type, at));
  if (out.body.size() <= kMaxBodyBytes) return out;
  return error_to_wire(id, Error{Errc::payload_too_large,
                                 fmt::format("an answer of {} bytes does not go to another process, at most {} may be: "
                                             "ask for less at once",
                                             out.body.size(), kMaxBodyBytes),
                                 {},
                                 {}});
}

Expected<Reply> reply_from_wire(const wire::Message& message) {
  if (message.header.kind == wire::Kind::error) return decode_error(message.body);
  if (auto kind = check_kind(message, wire::Kind::reply); !kind) return tl::make_unexpected(kind.error());
  auto reply = read_body<fb::Reply>(message.body, "reply",
                                    [&](const auto& root, Reader& r) { return read_reply(r, root, message.tensors); });
  if (!reply) return reply;
  if (auto* spent = spent_in(*reply)) {
    spent->queue_us = message.header.queue_us;
    spent->compute_us = message.header.service_us;
  }
  if (auto* embeddings = std::get_if<messages::Embeddings>(&*reply)) {
    auto vectors = read_vectors(message.tensors);
    if (!vectors) return tl::make_unexpected(vectors.error());
    embeddings->vectors = *std::move(vectors);
  }
  return reply;
}

}  // namespace zenith::links
