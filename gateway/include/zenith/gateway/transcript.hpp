// A transcript as files and answers have it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "zenith/messages/reply.hpp"

namespace zenith::gateway {

enum class TranscriptFormat : std::uint8_t { json, text, srt, vtt, verbose_json };

inline constexpr std::array<std::pair<std::string_view, TranscriptFormat>, 5> kTranscriptFormats{
    {{"json", TranscriptFormat::json},
     {"text", TranscriptFormat::text},
     {"srt", TranscriptFormat::srt},
     {"vtt", TranscriptFormat::vtt},
     {"verbose_json", TranscriptFormat::verbose_json}}};

struct RenderedTranscript {
  std::string content_type, body;
};
RenderedTranscript render_transcript(const messages::Transcript& transcript, TranscriptFormat format);

}  // namespace zenith::gateway
