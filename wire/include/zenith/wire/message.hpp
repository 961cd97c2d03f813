// A whole message: header, body, tensors; and its frames.
#pragma once

#include <cstddef>
#include <vector>

#include "zenith/core/tensor.hpp"
#include "zenith/wire/header.hpp"

namespace zenith::wire {

inline constexpr std::size_t kMaxRows = 8;               ///< of the table: the body and seven tensors
inline constexpr std::size_t kMaxFrames = 1 + kMaxRows;  ///< of a message, routing id aside
inline constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 30;
inline constexpr std::size_t kInlineBytes = 4096;  ///< payloads up to this lie in the first frame, behind the table

struct Message {
  Header header;  ///< rows, frames, payload_bytes, payload_hash are set by to_frames
  Buffer body;    ///< FlatBuffers (links/schema), or empty
  std::vector<Tensor> tensors;
};

/// The frames to send: the first is [header][table][small payloads], each large payload is a frame of its own,
/// uncopied.
/// @returns payload_too_large, invalid_argument (too many tensors; bytes that disagree with the shape).
Expected<std::vector<Buffer>> to_frames(const Message& message);

/// The opposite. Pure and total: any frames in, a message or bad_frame out; tensors share the frames' bytes, nothing is
/// allocated but the list of them. kShared rows are refused here: see SharedMemory.
Expected<Message> from_frames(const std::vector<Buffer>& frames);

}  // namespace zenith::wire
