// A whole message: header, body, tensors; and its frames.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "zenith/core/tensor.hpp"
#include "zenith/wire/header.hpp"

namespace zenith::wire {

inline constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 30;
inline constexpr std::size_t kInlineBytes = 4096;  ///< payloads up to this lie in the first frame, behind the table

struct Message {
  Header header;  ///< rows, frames, payload_bytes, payload_hash and kShared are set by to_frames
  Buffer body;    ///< FlatBuffers (links/schema), or empty
  std::vector<Tensor> tensors;
  /// Counts the tensors that sending copies, into shared memory or behind the table; null: nobody asks.
  std::shared_ptr<std::atomic<std::uint32_t>> copied{};
};

/// Where a tensor lies in shared memory: the 32 bytes that a row with kShared has as its payload.
struct SharedRef {
  std::uint64_t segment = 0;     ///< names the file: the owner chose it
  std::uint32_t slot = 0;        ///< of the segment
  std::uint32_t generation = 0;  ///< of the slot: a reader claims it before it reads
  std::uint64_t offset = 0;      ///< in the segment
  std::uint64_t bytes = 0;       ///< of the tensor: agrees with its shape
  friend bool operator==(const SharedRef&, const SharedRef&) = default;
};
inline constexpr std::size_t kSharedRefBytes = 32;

/// Asked once for each tensor above kInlineBytes, in order; nothing = the tensor travels as a frame.
using Share = std::function<std::optional<SharedRef>(const Tensor&)>;
/// Asked once for each shared row, in order, after all else was checked. @returns a buffer of ref.bytes bytes, or why
/// not. Must not throw.
using Attach = std::function<Expected<Buffer>(const SharedRef&)>;

/// The frames to send: the first is [header][table][small payloads], each large payload is a frame of its own,
/// uncopied.
/// @returns payload_too_large, invalid_argument (too many tensors; bytes that disagree with the shape).
Expected<std::vector<Buffer>> to_frames(const Message& message, const Share& share = {});

/// The opposite. Pure and total but for `attach`: any frames in, a message or an error out (as `decode`, and bad_frame
/// with "frames", "row 2", … in `param`); body and tensors share the frames' bytes, nothing is allocated but the list
/// of tensors. Shared rows are refused without `attach`.
Expected<Message> from_frames(const std::vector<Buffer>& frames, const Attach& attach = {});

}  // namespace zenith::wire
