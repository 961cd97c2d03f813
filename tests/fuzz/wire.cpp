// Any frames: a message or a typed error, inside the frames; and what was read is written and read again as the same.
// Input: frames, each behind its length as u32, as in tests/data/wire.
#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "zenith/wire/message.hpp"

namespace {

using zenith::Buffer;
namespace wire = zenith::wire;

std::vector<Buffer> split(const std::uint8_t* data, std::size_t size) {
  std::vector<Buffer> frames;
  for (std::size_t at = 0; at + 4 <= size && frames.size() < 12;) {
    std::uint32_t length;
    std::memcpy(&length, data + at, sizeof length);
    at += 4;
    const auto take = std::min<std::size_t>(length, size - at);
    frames.push_back(Buffer::of(std::string{reinterpret_cast<const char*>(data + at), take}));
    at += take;
  }
  return frames;
}

// A mutated header would never pass its hash: let it, and let the payload go unhashed.
void pass_hash(std::vector<Buffer>& frames) {
  if (frames.empty() || frames[0].size() < wire::kHeaderBytes) return;
  std::vector<std::byte> first{frames[0].bytes().begin(), frames[0].bytes().end()};
  std::memcpy(first.data(), "ZNW1\x01", 5);
  first[11] &= std::byte{0xfe};
  const std::uint64_t hash = XXH3_64bits(first.data(), 120);
  std::memcpy(first.data() + 120, &hash, sizeof hash);
  frames[0] = Buffer::of(std::move(first));
}

bool inside(const Buffer& part, const std::vector<Buffer>& frames) {
  return part.empty() || std::any_of(frames.begin(), frames.end(), [&](const Buffer& f) {
           return part.data() >= f.data() && part.data() + part.size() <= f.data() + f.size();
         });
}

bool same_bytes(const Buffer& a, const Buffer& b) {
  return std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end());
}

void require(bool held) {
  if (!held) std::abort();
}

void check(const std::vector<Buffer>& frames) {
  const auto attach = [](const wire::SharedRef& ref) -> zenith::Expected<Buffer> {
    if (ref.bytes > 1 << 20) return zenith::fail(zenith::Errc::unavailable, "too large for here");
    return Buffer::of(std::vector<std::byte>(ref.bytes));
  };
  const auto message = wire::from_frames(frames, attach);
  if (!message) return require(!message.error().message.empty());
  require(inside(message->body, frames));
  const bool shared = (message->header.flags & wire::kShared) != 0;
  for (const auto& tensor : message->tensors) require(shared || inside(tensor.data, frames));

  const auto again = wire::to_frames(*message);
  if (!again) return require(again.error().code == zenith::Errc::payload_too_large);
  const auto back = wire::from_frames(*again);
  require(back.has_value() && back->tensors.size() == message->tensors.size());
  require(same_bytes(back->body, message->body));
  for (std::size_t i = 0; i < back->tensors.size(); ++i) {
    const auto &a = back->tensors[i], &b = message->tensors[i];
    require(a.dtype == b.dtype && a.rank == b.rank && a.dims == b.dims && same_bytes(a.data, b.data));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto frames = split(data, size);
  check(frames);
  pass_hash(frames);
  check(frames);
  return 0;
}
