// The bytes of every message are those of tests/data/wire: the format cannot drift silently. A file is a row of frames,
// each with its length as u32 before it. ZENITH_UPDATE_GOLDENS=1 writes them anew; the diff is the review.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "golden_messages.hpp"

namespace zenith::wire {
namespace {

std::string path_of(std::string_view name) {
  return std::string{ZENITH_TEST_DATA "/wire/"} + std::string{name} + ".bin";
}

std::string stored(const std::vector<Buffer>& frames) {
  std::string out;
  for (const Buffer& frame : frames) {
    const auto size = static_cast<std::uint32_t>(frame.size());
    out.append(reinterpret_cast<const char*>(&size), sizeof size);
    out.append(reinterpret_cast<const char*>(frame.data()), frame.size());
  }
  return out;
}

std::vector<Buffer> frames_of(const std::string& file) {
  std::vector<Buffer> frames;
  for (std::size_t at = 0; at + 4 <= file.size();) {
    std::uint32_t size;
    std::memcpy(&size, file.data() + at, sizeof size);
    frames.push_back(Buffer::of(file.substr(at + 4, size)));
    at += 4 + size;
  }
  return frames;
}

std::string read_file(std::string_view name) {
  std::ifstream file{path_of(name), std::ios::binary};
  EXPECT_TRUE(file) << path_of(name);
  return {std::istreambuf_iterator<char>{file}, {}};
}

void check(std::string_view name, const std::vector<Buffer>& frames) {
  const auto bytes = stored(frames);
  if (const char* update = std::getenv("ZENITH_UPDATE_GOLDENS"); update != nullptr && std::string_view{update} == "1")
    std::ofstream{path_of(name), std::ios::binary} << bytes;
  EXPECT_TRUE(bytes == read_file(name)) << name << ": the bytes are not those of the golden";
}

class GoldenMessage : public testing::TestWithParam<Golden> {};

TEST_P(GoldenMessage, has_these_bytes_and_reads_back_from_them) {
  const auto frames = to_frames(GetParam().make());
  ASSERT_TRUE(frames) << frames.error().message;
  check(GetParam().name, *frames);

  const auto read = from_frames(frames_of(read_file(GetParam().name)));
  ASSERT_TRUE(read) << read.error().message;
  const auto again = GetParam().again(*read);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(stored(*to_frames(*again)) == read_file(GetParam().name));
}

INSTANTIATE_TEST_SUITE_P(wire, GoldenMessage, testing::ValuesIn(goldens()), [](const auto& i) {
  std::string name{i.param.name};
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// A tensor in shared memory, beside a small one that is not.
TEST(golden, a_shared_row_has_these_bytes) {
  Message message;
  message.header.kind = Kind::reply;
  message.header.epoch = 5;
  message.tensors = {tensor_of(DType::f32, {1024, 3}), tensor_of(DType::f16, {2, 2})};
  const SharedRef ref{0x0102030405060708, 9, 10, 64, 12288};
  const auto frames = to_frames(message, [&](const Tensor&) { return std::optional{ref}; });
  ASSERT_TRUE(frames);
  check("shared", *frames);
  const auto back = from_frames(frames_of(read_file("shared")), [&](const SharedRef& got) -> Expected<Buffer> {
    EXPECT_EQ(got, ref);
    return message.tensors[0].data;
  });
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(same(back->tensors[1], message.tensors[1]));
}

TEST(golden, a_golden_that_is_damaged_is_noticed) {
  auto frames = frames_of(read_file("reply-embeddings"));
  ASSERT_EQ(frames.size(), 2U);
  auto bytes = bytes_of(frames.back());
  bytes[100] ^= std::byte{1};
  frames.back() = Buffer::of(std::move(bytes));
  EXPECT_EQ(from_frames(frames).error().param, "payload_hash");
}

}  // namespace
}  // namespace zenith::wire
