// Field-by-field equality of messages. The structured bindings stop compiling when a struct gets a field: then the
// schema, the codec and tests/links/random_messages.hpp need it too.
#pragma once

#include <algorithm>
#include <tuple>

#include "zenith/links/codec.hpp"

namespace zenith::links::testing {

template <class T>
bool same(const T& a, const T& b);
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b);
template <class T>
bool same(const std::optional<T>& a, const std::optional<T>& b);
template <class... T>
bool same(const std::variant<T...>& a, const std::variant<T...>& b);

inline auto fields(const messages::TraceContext& v) {
  const auto& [trace_id, span_id, flags] = v;
  return std::tie(trace_id, span_id, flags);
}
inline auto fields(const messages::Header& v) {
  const auto& [id, tenant, deadline, priority, trace, receipt] = v;  // receipt: of its own process
  return std::tie(id, tenant, deadline.at, priority, trace);
}
inline auto fields(const messages::ChatMessage& v) {
  const auto& [role, text_parts, name, reasoning_content] = v;
  return std::tie(role, text_parts, name, reasoning_content);
}
inline auto fields(const messages::Chat& v) {
  const auto& [rows, template_kwargs, reasoning_effort] = v;
  return std::tie(rows, template_kwargs, reasoning_effort);
}
inline auto fields(const SamplingParams& v) {
  const auto& [temperature, top_p, min_p, top_k, presence, frequency, repeat, seed, logit_bias, ignore_eos] = v;
  return std::tie(temperature, top_p, min_p, top_k, presence, frequency, repeat, seed, logit_bias, ignore_eos);
}
inline auto fields(const messages::Resume& v) {
  const auto& [tokens, echoed, ended, completion_tokens, reasoning_tokens] = v;
  return std::tie(tokens, echoed, ended, completion_tokens, reasoning_tokens);
}
inline auto fields(const messages::Generate& v) {
  const auto& [header, model, prompt, sampling, choices, max_tokens, stop, logprobs, top_logprobs, echo, credit_events,
               now_unix_seconds, resume, credit_spent, staged, speaker] = v;  // staged, speaker: done before it travels
  return std::tie(header, model, prompt, sampling, choices, max_tokens, stop, logprobs, top_logprobs, echo,
                  credit_events, now_unix_seconds, resume, credit_spent);
}
inline auto fields(const messages::Embed& v) {
  const auto& [header, model, inputs] = v;
  return std::tie(header, model, inputs);
}
inline auto fields(const messages::Tokenize& v) {
  const auto& [header, model, content, add_special, parse_special] = v;
  return std::tie(header, model, content, add_special, parse_special);
}
inline auto fields(const messages::Detokenize& v) {
  const auto& [header, model, tokens] = v;
  return std::tie(header, model, tokens);
}
inline auto fields(const messages::ApplyTemplate& v) {
  const auto& [header, model, chat, add_generation_prompt] = v;
  return std::tie(header, model, chat, add_generation_prompt);
}
inline auto fields(const messages::Speak& v) {
  const auto& [header, model, input, voice, speed, credit_events, format] = v;
  return std::tie(header, model, input, voice, speed, credit_events, format);
}
inline auto fields(const messages::Transcribe& v) {
  const auto& [header, model, audio, language, prompt, temperature] = v;
  return std::make_tuple(header, model, std::string(reinterpret_cast<const char*>(audio.data()), audio.size()),
                         language, prompt, temperature);
}
inline auto fields(const messages::TranscriptSegment& v) {
  const auto& [start, end, text, tokens, avg_logprob, no_speech_prob, compression_ratio, temperature] = v;
  return std::tie(start, end, text, tokens, avg_logprob, no_speech_prob, compression_ratio, temperature);
}
inline auto fields(const messages::Spent& v) {
  const auto& [queue_us, compute_us, bytes, copies] = v;  // the last two: of one's own link, they do not travel
  return std::tie(queue_us, compute_us);
}
inline auto fields(const messages::Transcript& v) {
  const auto& [language, duration, segments, spent] = v;
  return std::tie(language, duration, segments, spent);
}
inline auto fields(const messages::AudioBytes& v) { return std::tie(v.bytes); }
inline auto fields(const messages::Audio& v) {
  const auto& [sample_rate, samples] = v;
  return std::tie(sample_rate, samples);
}
inline auto fields(const messages::LogprobEntry& v) {
  const auto& [token, bytes, logprob] = v;
  return std::tie(token, bytes, logprob);
}
inline auto fields(const messages::TokenLogprobs& v) {
  const auto& [picked, top] = v;
  return std::tie(picked, top);
}
inline auto fields(const messages::Started& v) {
  const auto& [prompt_tokens] = v;
  return std::tie(prompt_tokens);
}
inline auto fields(const messages::Delta& v) {
  const auto& [choice, content, reasoning, logprobs, tokens] = v;
  return std::tie(choice, content, reasoning, logprobs, tokens);
}
inline auto fields(const messages::ChoiceEnd& v) {
  const auto& [choice, reason, completion_tokens, reasoning_tokens] = v;
  return std::tie(choice, reason, completion_tokens, reasoning_tokens);
}
inline auto fields(const messages::Finished& v) {
  const auto& [usage, timings, modality_path] = v;
  const auto& [prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens] = usage;
  const auto& [prompt_n, predicted_n, cache_n, queue_ms, prompt_ms, predicted_ms] = timings;
  return std::tie(prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, prompt_n, predicted_n, cache_n,
                  queue_ms, prompt_ms, predicted_ms, modality_path);
}
inline auto fields(const messages::ReadLine& v) {
  const auto& [text, box, confidence] = v;
  return std::tie(text, box, confidence);
}
inline auto fields(const messages::ScreenElement& v) {
  const auto& [role, text, box, confidence, enabled, children] = v;
  return std::tie(role, text, box, confidence, enabled, children);
}
inline auto fields(const messages::ImageReading& v) {
  const auto& [width, height, lines, elements, reading_order, spent] = v;
  return std::tie(width, height, lines, elements, reading_order, spent);
}
inline bool same(const Buffer& a, const Buffer& b) {
  return std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end());
}
inline auto fields(const messages::ReadImage& v) {
  const auto& [header, model, mode, image] = v;
  return std::tie(header, model, mode, image);
}
inline auto fields(const Error& v) {
  const auto& [code, message, param, retry_after] = v;
  return std::tie(code, message, param, retry_after);
}
inline auto fields(const messages::Embeddings& v) {
  const auto& [vectors, prompt_tokens, spent] = v;
  return std::tie(vectors, prompt_tokens, spent);
}
inline auto fields(const messages::Tokens& v) {
  const auto& [tokens, spent] = v;
  return std::tie(tokens, spent);
}
inline auto fields(const messages::Text& v) {
  const auto& [text, spent] = v;
  return std::tie(text, spent);
}
inline auto fields(const Peer& v) {
  const auto& [epoch, id, version, numerics, role] = v;
  return std::tie(epoch, id, version, numerics, role);
}
inline auto fields(const messages::ServiceStatus& v) {
  const auto& [role, id, health, model, detail, suspect] = v;  // suspect: of one's own link, it does not travel
  return std::tie(role, id, health, model, detail);
}
inline auto fields(const messages::SensorEntry& v) {
  const auto& [plugin, version, kind, channel, unit, dtype, shape, labels, rate_hz, policy, running] = v;
  return std::tie(plugin, version, kind, channel, unit, dtype, shape, labels, rate_hz, policy, running);
}
inline auto fields(const messages::Watch& v) {
  const auto& [header, model, from, rate_hz, credit_events] = v;
  return std::tie(header, model, from, rate_hz, credit_events);
}
inline auto fields(const messages::ReadWindow& v) {
  const auto& [header, model, window, pictures] = v;
  return std::tie(header, model, window, pictures);
}
inline auto fields(const messages::SetSensor& v) {
  const auto& [header, model, run] = v;
  return std::tie(header, model, run);
}
inline auto fields(const messages::Frames& v) {
  const auto& [dtype, dims, heads, data, next, lost] = v;
  return std::tie(dtype, dims, heads, data, next, lost);
}
inline auto fields(const messages::ElementStats& v) {
  const auto& [label, mean, min, max, last, slope_per_s] = v;
  return std::tie(label, mean, min, max, last, slope_per_s);
}
inline auto fields(const messages::WindowPicture& v) {
  const auto& [before_end_s, wall_ns, file] = v;
  return std::tie(before_end_s, wall_ns, file);
}
inline auto fields(const messages::Window& v) {
  const auto& [sensor_id, unit, window, frames, lost, gaps, span_s, elements, text, pictures, spent] = v;
  return std::tie(sensor_id, unit, window, frames, lost, gaps, span_s, elements, text, pictures, spent);
}
inline auto fields(const messages::ModelEntry& v) {
  const auto& [name, kind, alias_of, inputs, outputs, context_length, license, architecture, generation, created,
               voices, language, sample_rate, sensor] = v;
  return std::tie(name, kind, alias_of, inputs, outputs, context_length, license, architecture, generation, created,
                  voices, language, sample_rate, sensor);
}
inline auto fields(const messages::Load& v) {
  const auto& [queue, running, sequences, pages_used, pages, tokens] = v;
  return std::tie(queue, running, sequences, pages_used, pages, tokens);
}
inline auto fields(const messages::Member& v) {
  const auto& [status, model, epoch, endpoint, server_key, numerics, load, contact] = v;
  return std::tie(status, model, epoch, endpoint, server_key, numerics, load, contact);
}
inline auto fields(const messages::Announcement& v) {
  const auto& [members] = v;
  return std::tie(members);
}
inline auto fields(const messages::View& v) {
  const auto& [epoch, version, members, aliases, draining] = v;
  return std::tie(epoch, version, members, aliases, draining);
}

template <class T>
concept HasFields = requires(const T& v) { fields(v); };

template <class T>
bool same(const T& a, const T& b) {
  if constexpr (HasFields<T>) {
    const auto left = fields(a), right = fields(b);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return (same(std::get<I>(left), std::get<I>(right)) && ...);
    }(std::make_index_sequence<std::tuple_size_v<decltype(left)>>{});
  } else {
    return a == b;
  }
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const T& x, const T& y) { return same(x, y); });
}
template <class T>
bool same(const std::optional<T>& a, const std::optional<T>& b) {
  return a.has_value() == b.has_value() && (!a || same(*a, *b));
}
template <class... T>
bool same(const std::variant<T...>& a, const std::variant<T...>& b) {
  return a.index() == b.index() && std::visit([&]<class X>(const X& x) { return same(x, std::get<X>(b)); }, a);
}

}  // namespace zenith::links::testing
