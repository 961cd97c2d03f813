#include "api/spoken_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/members.hpp"

namespace zenith::gateway {
namespace {

struct Row {
  std::string_view name;
  SpokenFormat format;
  messages::AudioFormat made;
};
constexpr std::array<Row, 6> kFormats{{{"wav", SpokenFormat::wav, messages::AudioFormat::samples},
                                       {"pcm16", SpokenFormat::pcm16, messages::AudioFormat::samples},
                                       {"mp3", SpokenFormat::mp3, messages::AudioFormat::mp3},
                                       {"opus", SpokenFormat::opus, messages::AudioFormat::opus},
                                       {"flac", SpokenFormat::flac, messages::AudioFormat::flac},
                                       {"aac", SpokenFormat::aac, messages::AudioFormat::aac}}};

}  // namespace

Status read_modalities(const Value& value, SpokenFields& out) {
  const auto* list = std::get_if<Value::Array>(&value.data);
  if (list == nullptr) return bad_field("modalities", fmt::format("must be a list, not {}", type_name(value)));
  bool text = false;
  out.wanted = false;
  for (const auto& item : *list) {
    const auto* name = std::get_if<std::string>(&item.data);
    if (name == nullptr || (*name != "text" && *name != "audio"))
      return bad_field("modalities", "may have \"text\" and \"audio\", nothing else");
    (*name == "text" ? text : out.wanted) = true;
  }
  if (!text)
    return bad_field("modalities", R"(must be ["text"] or ["text", "audio"]: speech comes with its transcript)");
  return {};
}

Status read_audio(const Value& value, SpokenFields& out) {
  out.has_audio = true;
  const auto* members = std::get_if<Value::Object>(&value.data);
  if (members == nullptr) return bad_field("audio", fmt::format("must be an object, not {}", type_name(value)));
  for (const auto& [name, one] : *members) {
    const std::string field = "audio." + name.substr(0, 100);
    if (name != "voice" && name != "format") return bad_field(field, "is not a field that is known here");
    if (std::holds_alternative<std::nullptr_t>(one.data)) continue;
    const auto* text = std::get_if<std::string>(&one.data);
    if (text == nullptr) return bad_field(field, fmt::format("must be a string, not {}", type_name(one)));
    if (text->empty() || text->size() > 64) return bad_field(field, "must have 1 to 64 bytes");
    (name == "voice" ? out.voice : out.format) = *text;
  }
  return {};
}

Expected<SpokenFormat> spoken_format(const SpokenFields& fields, bool stream, std::uint32_t choices) {
  if (!fields.wanted) return bad_field("audio", R"(needs "modalities": ["text", "audio"])");
  if (!fields.has_audio)
    return bad_field("audio",
                     R"(is missing: modalities asks for speech, for example {"voice": "alloy", "format": "wav"})");
  if (choices != 1) return bad_field("n", "must be 1: an answer that is spoken is one");
  const std::string_view wanted = fields.format.empty() ? (stream ? "pcm16" : "wav") : std::string_view{fields.format};
  const auto* row = std::find_if(kFormats.begin(), kFormats.end(), [&](const Row& r) { return r.name == wanted; });
  if (row == kFormats.end())
    return bad_field("audio.format",
                     fmt::format("must be wav, pcm16, mp3, opus, flac or aac, not \"{}\"", wanted.substr(0, 40)));
  if (stream && row->format != SpokenFormat::pcm16)
    return bad_field("audio.format", fmt::format("must be pcm16 in a stream, not \"{}\"", wanted));
  return row->format;
}

messages::AudioFormat made_as(SpokenFormat format) noexcept {
  for (const auto& row : kFormats) {
    if (row.format == format) return row.made;
  }
  return messages::AudioFormat::samples;
}

}  // namespace zenith::gateway
