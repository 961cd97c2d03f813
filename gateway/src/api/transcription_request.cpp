#include "api/transcription_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "api/fields.hpp"
#include "api/form_fields.hpp"

namespace zenith::gateway {
namespace {

using namespace std::string_view_literals;

/// Of OpenAI's form, and not served.
constexpr std::array kLater{
    "stream"sv,      "include"sv,  "include[]"sv,  "chunking_strategy"sv,     "languages"sv,
    "languages[]"sv, "keywords"sv, "keywords[]"sv, "known_speaker_names[]"sv, "known_speaker_references[]"sv};

Status read_format(const std::string& text, TranscriptionRequest& out) {
  for (const auto& [name, format] : kTranscriptFormats) {
    if (name == text) {
      out.format = format;
      return {};
    }
  }
  if (text == "diarized_json") {
    return fail(Errc::unsupported,
                "response_format: speakers are not told apart; json, text, srt, vtt and verbose_json are served",
                "response_format");
  }
  return bad_field("response_format", fmt::format("must be json, text, srt, vtt or verbose_json, not \"{}\"", text));
}

Status read_temperature(const std::string& text, TranscriptionRequest& out) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0 && value <= 1)) {
    return bad_field("temperature", "must be a number from 0 to 1");
  }
  out.transcribe.temperature = value;
  return {};
}

Status read_granularity(const std::string& name, const std::string& text) {
  if (text == "segment") return {};
  if (text == "word") {
    return fail(Errc::unsupported, name + ": times of words are not served; those of segments are", name);
  }
  return bad_field(name, fmt::format("must be segment, not \"{}\"", text));
}

Status read_text(const std::string& name, std::string text, TranscriptionRequest& out) {
  if (name == "model") {
    out.transcribe.model = std::move(text);
  } else if (name == "language") {
    out.transcribe.language = std::move(text);
  } else if (name == "prompt") {
    out.transcribe.prompt = std::move(text);
  } else if (name == "response_format") {
    return read_format(text, out);
  } else if (name == "temperature") {
    return read_temperature(text, out);
  } else if (name == "timestamp_granularities[]" || name == "timestamp_granularities") {
    return read_granularity(name, text);
  } else if (name == "stream" && text == "false") {
    return {};
  } else if (std::find(kLater.begin(), kLater.end(), name) != kLater.end()) {
    return fail(Errc::unsupported, name + ": is not served for transcriptions", name);
  } else {
    return bad_field(name,
                     "is not known here; known are file, model, language, prompt, response_format, temperature, "
                     "timestamp_granularities[]");
  }
  return {};
}

}  // namespace

Expected<TranscriptionRequest> read_transcription_request(const std::vector<FormPart>& parts, std::string_view body) {
  TranscriptionRequest out;
  std::set<std::string> seen;
  bool granularities = false;
  for (const auto& part : parts) {
    const bool list = part.name.starts_with("timestamp_granularities");
    granularities = granularities || list;
    if (!seen.insert(part.name).second && !list) return bad_field(part.name, "is there twice");
    if (part.name == "file") {
      out.offset = part.offset;
      out.size = part.size;
      continue;
    }
    auto text = form_text(part, body, part.name == "prompt" ? 4096 : 512);
    if (!text) return tl::make_unexpected(text.error());
    if (auto ok = read_text(part.name, std::move(*text), out); !ok) return tl::make_unexpected(ok.error());
  }
  if (!seen.contains("file")) return bad_field("file", "is missing");
  if (out.size == 0) return bad_field("file", "is empty");
  if (granularities && out.format != TranscriptFormat::verbose_json) {
    return bad_field("timestamp_granularities[]", "needs response_format verbose_json");
  }
  return out;
}

}  // namespace zenith::gateway
