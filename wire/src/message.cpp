#include "zenith/wire/message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "table.hpp"

namespace zenith::wire {
namespace {

constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t to) noexcept { return (n + to - 1) / to * to; }

// ---- writing

struct Plan {
  Row row;
  const Buffer* payload = nullptr;
  std::optional<SharedRef> shared;
};

Expected<std::uint64_t> tensor_bytes(const Tensor& tensor, std::size_t index) {
  const auto bytes = shape_bytes(static_cast<std::uint8_t>(tensor.dtype), tensor.rank, tensor.dims);
  if (bytes && *bytes == tensor.data.size()) return *bytes;
  const auto name = fmt::format("tensor {}", index);
  if (!bytes) return fail(Errc::invalid_argument, name + " has a shape that cannot be sent", name);
  return fail(Errc::invalid_argument,
              fmt::format("{} has {} bytes, its shape needs {}", name, tensor.data.size(), *bytes), name);
}

Expected<std::vector<Plan>> plan_rows(const Message& message, const Share& share, std::uint64_t& payload_bytes) {
  const std::size_t count = message.tensors.size() + (message.body.empty() ? 0 : 1);
  if (count > kMaxRows)
    return fail(Errc::invalid_argument,
                fmt::format("{} tensors and a body: a message has {} rows at most", message.tensors.size(), kMaxRows),
                "tensors");
  std::vector<Plan> plans;
  plans.reserve(count);
  payload_bytes = message.body.size();
  if (!message.body.empty()) {
    if (message.body.size() > kMaxMessageBytes)
      return fail(Errc::payload_too_large,
                  fmt::format("a body of {} bytes, at most {} may be", message.body.size(), kMaxMessageBytes), "body");
    plans.push_back({Row{kBodyType, 1, 0, 0, {static_cast<std::uint32_t>(message.body.size())}, 0}, &message.body, {}});
  }
  for (std::size_t i = 0; i < message.tensors.size(); ++i) {
    const Tensor& tensor = message.tensors[i];
    const auto bytes = tensor_bytes(tensor, i);
    if (!bytes) return tl::make_unexpected(bytes.error());
    payload_bytes += *bytes;
    if (payload_bytes > kMaxMessageBytes)
      return fail(Errc::payload_too_large,
                  fmt::format("a message of more than {} bytes: send it in parts", kMaxMessageBytes), "tensors");
    Plan plan{Row{static_cast<std::uint8_t>(tensor.dtype), tensor.rank, 0, 0, tensor.dims, 0}, &tensor.data, {}};
    if (share && *bytes > kInlineBytes) plan.shared = share(tensor);
    if (plan.shared) plan.row.flags = kRowShared;
    plans.push_back(plan);
  }
  return plans;
}

// ---- reading

tl::unexpected<Error> bad_row(std::size_t index, const std::string& what) {
  const auto name = fmt::format("row {}", index);
  return fail(Errc::bad_frame, name + ": " + what, name);
}

// A row that was checked: what it describes and the bytes that it has in the frames.
struct Found {
  Row row;
  std::uint64_t bytes = 0;  // by its shape
  Buffer stored;            // of that size, or a SharedRef
};

Expected<Found> find_payload(const std::vector<Buffer>& frames, std::size_t index, std::size_t table_at,
                             std::size_t payload_at) {
  const auto row = get_row(frames.front().data() + table_at + index * kRowBytes);
  if (!row) return bad_row(index, "reserved bytes are not zero");
  if ((row->flags & ~kRowShared) != 0) return bad_row(index, fmt::format("flags 0x{:02x} are unknown", row->flags));
  if (row->type == kBodyType && (index != 0 || row->flags != 0))
    return bad_row(index, "a body is the first row, and not in shared memory");
  const auto bytes = shape_bytes(row->type, row->rank, row->dims);
  if (!bytes)
    return bad_row(
        index, fmt::format("type {}, rank {}, dims {}·{}·{}·{} is no tensor of at most {} bytes", row->type, row->rank,
                           row->dims[0], row->dims[1], row->dims[2], row->dims[3], kMaxMessageBytes));
  if (row->frame >= frames.size()) return bad_row(index, fmt::format("lies in frame {}, which is none", row->frame));
  const Buffer& frame = frames[row->frame];
  const std::uint64_t stored = (row->flags & kRowShared) != 0 ? kSharedRefBytes : *bytes;
  const std::uint64_t first = row->frame == 0 ? payload_at : 0;
  if (row->offset < first || row->offset > frame.size() || stored > frame.size() - row->offset)
    return bad_row(index, fmt::format("{} bytes at {} do not lie in the payload of a frame of {}", stored, row->offset,
                                      frame.size()));
  if (row->offset % (row->frame == 0 ? kInlineAlign : kPayloadAlign) != 0)
    return bad_row(index, fmt::format("offset {} is not aligned", row->offset));
  return Found{*row, *bytes, frame.slice(row->offset, stored)};
}

Expected<Buffer> attach_row(const Found& found, std::size_t index, const Attach& attach) {
  const SharedRef ref = get_shared(found.stored.data());
  if (!attach) return bad_row(index, "lies in shared memory, which this link does not have");
  if (ref.bytes != found.bytes)
    return bad_row(index, fmt::format("{} shared bytes for a shape of {}", ref.bytes, found.bytes));
  auto buffer = attach(ref);
  if (buffer && buffer->size() != ref.bytes)
    return bad_row(index, fmt::format("{} bytes were attached for {}", buffer->size(), ref.bytes));
  return buffer;
}

Status check_whole(const Header& header, const std::vector<Buffer>& frames, std::size_t table_at) {
  if (header.frames != frames.size())
    return fail(Errc::bad_frame, fmt::format("{} frames came, the header says {}", frames.size(), header.frames),
                "frames");
  std::uint64_t total = 0;
  for (const Buffer& frame : frames) {
    if (frame.size() > kMaxMessageBytes - std::min<std::uint64_t>(total, kMaxMessageBytes))
      return fail(Errc::bad_frame, fmt::format("a message of more than {} bytes", kMaxMessageBytes), "frames");
    total += frame.size();
  }
  if (frames.front().size() - table_at < header.rows * kRowBytes)
    return fail(Errc::bad_frame,
                fmt::format("{} rows do not fit into a frame of {} bytes", header.rows, frames.front().size()), "rows");
  if ((header.flags & kPayloadHash) != 0 &&
      hash_payload(frames.front().bytes().subspan(table_at), std::span{frames}.subspan(1)) != header.payload_hash)
    return fail(Errc::bad_frame, "the payload's hash does not agree with its bytes", "payload_hash");
  return {};
}

}  // namespace

Expected<std::vector<Buffer>> to_frames(const Message& message, const Share& share) {
  Header header = message.header;
  auto plans = plan_rows(message, share, header.payload_bytes);
  if (!plans) return tl::make_unexpected(plans.error());

  header.rows = static_cast<std::uint8_t>(plans->size());
  header.frames = 1;
  header.flags = static_cast<std::uint16_t>(header.flags & ~kShared);
  std::uint64_t end = kHeaderBytes + plans->size() * kRowBytes;  // of the first frame
  std::uint64_t large = 0;                                       // in the others
  for (Plan& plan : *plans) {
    const std::uint64_t stored = plan.shared ? kSharedRefBytes : plan.payload->size();
    if (plan.shared) header.flags |= kShared;
    if (stored > kInlineBytes) {
      plan.row.frame = header.frames++;
      large += stored;
    } else {
      plan.row.offset = end;
      end = round_up(end + stored, kInlineAlign);
    }
  }

  if (end + large > kMaxMessageBytes)
    return fail(
        Errc::payload_too_large,
        fmt::format("a message of {} bytes, at most {} may be: send it in parts", end + large, kMaxMessageBytes),
        "tensors");

  std::vector<std::byte> first(end);
  std::vector<Buffer> frames(1);
  frames.reserve(header.frames);
  std::byte* row_at = first.data() + kHeaderBytes;
  for (const Plan& plan : *plans) {
    put_row(plan.row, row_at);
    row_at += kRowBytes;
    if (plan.row.frame != 0) {
      frames.push_back(*plan.payload);
    } else if (plan.shared) {
      put_shared(*plan.shared, first.data() + plan.row.offset);
    } else if (!plan.payload->empty()) {
      std::memcpy(first.data() + plan.row.offset, plan.payload->data(), plan.payload->size());
    }
  }
  header.payload_hash = 0;
  if ((header.flags & kPayloadHash) != 0)
    header.payload_hash = hash_payload(std::span{first}.subspan(kHeaderBytes), std::span{frames}.subspan(1));
  encode(header, std::span<std::byte, kHeaderBytes>{first.data(), kHeaderBytes});
  frames.front() = Buffer::of(std::move(first));
  return frames;
}

Expected<Message> from_frames(const std::vector<Buffer>& frames, const Attach& attach) {
  if (frames.empty()) return fail(Errc::bad_frame, "a message without frames", "frames");
  const auto header = decode(frames.front().bytes());
  if (!header) return tl::make_unexpected(header.error());
  const std::size_t table_at = encoded_header_bytes(frames.front().bytes());
  if (auto whole = check_whole(*header, frames, table_at); !whole) return tl::make_unexpected(whole.error());

  const std::size_t payload_at = table_at + header->rows * kRowBytes;
  std::array<Found, kMaxRows> found;
  std::array<bool, kMaxFrames> used{true};
  std::uint64_t payload_bytes = 0;
  bool shared = false;
  for (std::size_t i = 0; i < header->rows; ++i) {
    auto one = find_payload(frames, i, table_at, payload_at);
    if (!one) return tl::make_unexpected(one.error());
    used[one->row.frame] = true;
    payload_bytes += one->bytes;
    shared = shared || one->row.flags != 0;
    found[i] = *std::move(one);
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!used[i]) return fail(Errc::bad_frame, fmt::format("frame {} belongs to no row", i), "frames");
  }
  if (payload_bytes != header->payload_bytes || payload_bytes > kMaxMessageBytes)
    return fail(Errc::bad_frame,
                fmt::format("the rows have {} bytes, the header says {}", payload_bytes, header->payload_bytes),
                "payload_bytes");
  if (shared != ((header->flags & kShared) != 0))
    return fail(Errc::bad_frame, "the flag for shared memory does not agree with the rows", "flags");

  Message message;
  message.header = *header;
  message.tensors.reserve(header->rows);
  for (std::size_t i = 0; i < header->rows; ++i) {
    if (found[i].row.type == kBodyType) {
      message.body = std::move(found[i].stored);
      continue;
    }
    if (found[i].row.flags != 0) {
      auto attached = attach_row(found[i], i, attach);
      if (!attached) return tl::make_unexpected(attached.error());
      found[i].stored = *std::move(attached);
    }
    message.tensors.push_back(
        {DType{found[i].row.type}, found[i].row.rank, found[i].row.dims, std::move(found[i].stored)});
  }
  return message;
}

}  // namespace zenith::wire
