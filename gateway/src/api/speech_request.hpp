// The body of /v1/audio/speech to a typed request.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/value.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::gateway {

enum class AudioFormat : std::uint8_t { mp3, opus, aac, flac, wav, pcm };
enum class AudioStream : std::uint8_t { audio /* the bytes themselves */, sse /* as events, base64 */ };

struct SpeechRequest {
  messages::Speak speak;
  AudioFormat format = AudioFormat::mp3;  ///< as stock clients expect
  AudioStream stream = AudioStream::audio;
};

/// The voices that stock clients name: each means the model's own voice.
inline constexpr std::array<std::string_view, 13> kStockVoices{
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"};

/// @returns invalid_argument or unsupported naming the field.
Expected<SpeechRequest> read_speech_request(const Value& body);

/// "audio/mpeg" and the like; "audio/pcm;rate=22050": s16le, one channel, no head.
std::string content_type(AudioFormat format, std::uint32_t sample_rate);

/// The 44 bytes that begin a wav whose length is not known yet: its sizes say 0xffffffff.
std::string wav_head(std::uint32_t sample_rate);

/// Little-endian, as wav and pcm have them.
std::string sample_bytes(const std::vector<std::int16_t>& samples);

}  // namespace zenith::gateway
