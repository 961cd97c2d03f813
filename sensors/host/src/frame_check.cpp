#include "frame_check.hpp"

#include <fmt/format.h>

namespace zenith::sensorhost {
namespace {

constexpr std::uint64_t kMostDim = std::uint64_t{1} << 24;

tl::unexpected<Error> lies(const zenith_frame& frame, const char* member, std::string what) {
  return fail(Errc::bad_frame,
              fmt::format("a frame of channel {} with seq {} lies: {} {}", frame.channel, frame.seq, member, what),
              member);
}

}  // namespace

Status check_frame(const zenith_frame& frame, const Manifest& manifest, const std::optional<std::uint64_t>& after) {
  if (frame.channel >= manifest.channels.size()) {
    return lies(frame, "channel", fmt::format("must be below {}", manifest.channels.size()));
  }
  const auto& entry = manifest.channels[frame.channel];
  const auto dtype = static_cast<std::uint32_t>(entry.dtype) + 1;
  if (frame.dtype != dtype) {
    return lies(frame, "dtype",
                fmt::format("is {}, the manifest says {} ({})", frame.dtype, dtype, messages::name_of(entry.dtype)));
  }
  if (frame.rank != entry.shape.size()) {
    return lies(frame, "rank", fmt::format("is {}, the manifest says {}", frame.rank, entry.shape.size()));
  }
  std::uint64_t bytes = messages::size_of(entry.dtype);
  for (std::uint32_t i = 0; i < frame.rank; ++i) {
    const std::uint64_t dim = frame.dims[i];
    if (entry.shape[i] != 0 && dim != entry.shape[i]) {
      return lies(frame, "dims", fmt::format("[{}] is {}, the manifest says {}", i, dim, entry.shape[i]));
    }
    if (dim == 0 || dim > kMostDim)
      return lies(frame, "dims", fmt::format("[{}] is {}: from 1 to {}", i, dim, kMostDim));
    bytes *= dim;  // below 2^24 × 2^26
    if (bytes > messages::kMostFrameBytes) return lies(frame, "dims", "are more than 64 MiB");
  }
  if (frame.bytes != bytes)
    return lies(frame, "bytes", fmt::format("is {}, dims and dtype make {}", frame.bytes, bytes));
  if (frame.data == nullptr) return lies(frame, "data", "is NULL");
  if ((frame.flags & ~messages::kFrameFlags) != 0)
    return lies(frame, "flags", fmt::format("has unknown bits: {:#x}", frame.flags));
  if (after && frame.seq <= *after) return lies(frame, "seq", fmt::format("does not grow: {} came before", *after));
  return {};
}

std::vector<std::uint32_t> dims_of(const zenith_frame& frame) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < frame.rank; ++i) out.push_back(static_cast<std::uint32_t>(frame.dims[i]));
  return out;
}

}  // namespace zenith::sensorhost
