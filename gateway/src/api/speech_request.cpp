#include "api/speech_request.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/members.hpp"
#include "json/parse.hpp"

namespace zenith::gateway {
namespace {

template <class T>
tl::unexpected<Error> pass(const Expected<T>& e) {
  return tl::make_unexpected(e.error());
}

struct FormatRow {
  std::string_view name;
  AudioFormat format;
  messages::AudioFormat made;  ///< by the service
  std::string_view content_type;
};

constexpr std::array<FormatRow, 6> kFormats{
    {{"mp3", AudioFormat::mp3, messages::AudioFormat::mp3, "audio/mpeg"},
     {"opus", AudioFormat::opus, messages::AudioFormat::opus, "audio/ogg;codecs=opus"},
     {"aac", AudioFormat::aac, messages::AudioFormat::aac, "audio/aac"},
     {"flac", AudioFormat::flac, messages::AudioFormat::flac, "audio/flac"},
     {"wav", AudioFormat::wav, messages::AudioFormat::samples, "audio/wav"},
     {"pcm", AudioFormat::pcm, messages::AudioFormat::samples, "audio/pcm"}}};

Expected<const FormatRow*> format_of(const Value& body) {
  const auto name = member<std::string>(body, "response_format");
  if (!name) return pass(name);
  const std::string wanted = name->value_or("mp3");
  const auto* row = std::find_if(kFormats.begin(), kFormats.end(), [&](const auto& r) { return r.name == wanted; });
  if (row != kFormats.end()) return row;
  return bad_field("response_format",
                   fmt::format("must be mp3, opus, aac, flac, wav or pcm, not \"{}\"", wanted.substr(0, 40)));
}

Expected<AudioStream> stream_of(const Value& body) {
  const auto name = member<std::string>(body, "stream_format");
  if (!name) return pass(name);
  const std::string wanted = name->value_or("audio");
  if (wanted == "audio") return AudioStream::audio;
  if (wanted == "sse") return AudioStream::sse;
  return bad_field("stream_format", fmt::format("must be audio or sse, not \"{}\"", wanted.substr(0, 40)));
}

Expected<float> speed_of(const Value& body) {
  const Value* value = find(body, "speed");
  if (value == nullptr || std::holds_alternative<std::nullptr_t>(value->data)) return 1.0F;
  double speed = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value->data)) {
    speed = static_cast<double>(*whole);
  } else if (const auto* number = std::get_if<double>(&value->data)) {
    speed = *number;
  } else {
    return bad_field("speed", fmt::format("must be a number, not {}", type_name(*value)));
  }
  if (!(speed >= 0.25 && speed <= 4)) return bad_field("speed", "must be from 0.25 to 4");
  return static_cast<float>(speed);
}

void append_le(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

}  // namespace

Expected<SpeechRequest> read_speech_request(const Value& body) {
  if (auto ok = only_members(body, {"model", "input", "voice", "response_format", "speed", "stream_format"}); !ok) {
    if (find(body, "instructions") != nullptr && ok.error().param == "instructions") {
      return fail(Errc::unsupported, "instructions: this voice takes none", "instructions");
    }
    return tl::make_unexpected(ok.error());
  }
  SpeechRequest out;
  auto model = member<std::string>(body, "model");
  if (!model) return pass(model);
  out.speak.model = model->value_or("");
  if (out.speak.model.size() > 512) return bad_field("model", "must be at most 512 bytes long");
  auto input = member<std::string>(body, "input");
  if (!input) return pass(input);
  if (!*input) return bad_field("input", "is missing");
  if ((*input)->empty()) return bad_field("input", "is empty");
  out.speak.input = std::move(**input);
  auto voice = member<std::string>(body, "voice");
  if (!voice) return pass(voice);
  out.speak.voice = voice->value_or("");
  if (out.speak.voice.size() > 64) return bad_field("voice", "must be at most 64 bytes long");
  if (std::find(kStockVoices.begin(), kStockVoices.end(), out.speak.voice) != kStockVoices.end()) {
    out.speak.voice.clear();
  }
  const auto format = format_of(body);
  if (!format) return pass(format);
  out.format = (*format)->format;
  out.speak.format = (*format)->made;
  const auto stream = stream_of(body);
  if (!stream) return pass(stream);
  out.stream = *stream;
  const auto speed = speed_of(body);
  if (!speed) return pass(speed);
  out.speak.speed = *speed;
  return out;
}

std::string content_type(AudioFormat format, std::uint32_t sample_rate) {
  if (format == AudioFormat::pcm) return fmt::format("audio/pcm;rate={}", sample_rate);
  const auto* row = std::find_if(kFormats.begin(), kFormats.end(), [&](const auto& r) { return r.format == format; });
  return std::string{row->content_type};
}

std::string wav_head(std::uint32_t sample_rate) {
  constexpr std::uint32_t kUnknown = 0xffffffff;
  std::string out = "RIFF";
  append_le(out, kUnknown, 4);
  out += "WAVEfmt ";
  append_le(out, 16, 4);  // of this chunk
  append_le(out, 1, 2);   // PCM
  append_le(out, 1, 2);   // one channel
  append_le(out, sample_rate, 4);
  append_le(out, sample_rate * 2, 4);  // bytes a second
  append_le(out, 2, 2);                // bytes of a frame
  append_le(out, 16, 2);               // bits of a sample
  out += "data";
  append_le(out, kUnknown, 4);
  return out;
}

std::string sample_bytes(const std::vector<std::int16_t>& samples) {
  std::string out;
  out.reserve(samples.size() * 2);
  for (const std::int16_t sample : samples) append_le(out, static_cast<std::uint16_t>(sample), 2);
  return out;
}

}  // namespace zenith::gateway
