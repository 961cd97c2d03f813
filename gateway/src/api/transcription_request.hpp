// The form of /v1/audio/transcriptions to a typed request.
#pragma once

#include <string_view>
#include <vector>

#include "http/multipart.hpp"
#include "zenith/core/error.hpp"
#include "zenith/gateway/transcript.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::gateway {

struct TranscriptionRequest {
  messages::Transcribe transcribe;  ///< without the file
  TranscriptFormat format = TranscriptFormat::json;
  std::size_t offset = 0, size = 0;  ///< of the file in the body
};

/// @returns invalid_argument or unsupported naming the field.
Expected<TranscriptionRequest> read_transcription_request(const std::vector<FormPart>& parts, std::string_view body);

}  // namespace zenith::gateway
