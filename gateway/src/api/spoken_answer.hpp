// "modalities" and "audio" of a chat: whether its answer is spoken, and how.
#pragma once

#include <cstdint>
#include <string>

#include "zenith/core/error.hpp"
#include "zenith/core/value.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::gateway {

enum class SpokenFormat : std::uint8_t { wav, pcm16 /* s16le, 24 kHz, no head */, mp3, opus, flac, aac };

/// What the body said so far.
struct SpokenFields {
  bool wanted = false;        ///< modalities has "audio"
  bool has_audio = false;     ///< "audio" is there
  std::string voice, format;  ///< as named; empty: absent
};

Status read_modalities(const Value& value, SpokenFields& out);
Status read_audio(const Value& value, SpokenFields& out);

/// The rules between fields. @returns invalid_argument naming the field.
Expected<SpokenFormat> spoken_format(const SpokenFields& fields, bool stream, std::uint32_t choices);

/// How the voice service gives it: samples, but for the formats that it writes itself.
messages::AudioFormat made_as(SpokenFormat format) noexcept;

}  // namespace zenith::gateway
