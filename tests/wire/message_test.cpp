#include <gmock/gmock.h>

#include <random>

#include "samples.hpp"

namespace zenith::wire {
namespace {

constexpr std::size_t kTable = kHeaderBytes, kRow = 32;

Message sample(std::size_t body, std::vector<Tensor> tensors, std::uint16_t flags = 0) {
  Message message;
  message.header = full_header();
  message.header.flags = flags;
  if (body > 0) message.body = filled(body, 9);
  message.tensors = std::move(tensors);
  return message;
}

std::vector<Buffer> frames_of(const Message& message) {
  auto frames = to_frames(message);
  EXPECT_TRUE(frames) << frames.error().message;
  return frames ? *frames : std::vector<Buffer>{};
}

struct Case {
  std::string_view name;
  std::size_t body;
  std::vector<Tensor> tensors;
  std::size_t frames;
};
class Whole : public testing::TestWithParam<Case> {};

TEST_P(Whole, comes_back_equal_with_and_without_a_hash) {
  for (const std::uint16_t flags : {std::uint16_t{0}, std::uint16_t{kPayloadHash | kLast}}) {
    const Message message = sample(GetParam().body, GetParam().tensors, flags);
    const auto frames = frames_of(message);
    EXPECT_EQ(frames.size(), GetParam().frames);
    const auto back = from_frames(frames);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(bytes_of(back->body), bytes_of(message.body));
    ASSERT_EQ(back->tensors.size(), message.tensors.size());
    for (std::size_t i = 0; i < message.tensors.size(); ++i) {
      EXPECT_TRUE(same(back->tensors[i], message.tensors[i])) << i;
    }
    EXPECT_EQ(back->header.flags, flags);
    EXPECT_EQ(back->header.request_id, message.header.request_id);
    EXPECT_EQ(back->header.payload_hash != 0, (flags & kPayloadHash) != 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    message, Whole,
    testing::Values(Case{"empty", 0, {}, 1}, Case{"a_body", 13, {}, 1}, Case{"the_largest_inline_body", 4096, {}, 1},
                    Case{"a_large_body", 4097, {}, 2}, Case{"a_scalar", 0, {tensor_of(DType::f32, {})}, 1},
                    Case{"no_elements", 5, {tensor_of(DType::f32, {4, 0, 2})}, 1},
                    Case{"small_tensors", 100, {tensor_of(DType::i32, {3}), tensor_of(DType::f16, {5, 3})}, 1},
                    Case{"large_tensors", 100, {tensor_of(DType::f32, {64, 33}), tensor_of(DType::q4_k, {9, 512})}, 2},
                    Case{"small_and_large",
                         7,
                         {tensor_of(DType::i8, {5000}), tensor_of(DType::i64, {2, 2, 2, 2}),
                          tensor_of(DType::bf16, {2, 4000})},
                         3},
                    Case{"as_many_as_may_be", 5000, std::vector<Tensor>(7, tensor_of(DType::f32, {2000})), 9}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(message, a_large_payload_is_never_copied) {
  const Message message = sample(6000, {tensor_of(DType::f32, {1 << 18}), tensor_of(DType::f32, {2})});
  const auto frames = frames_of(message);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[1].data(), message.body.data());
  EXPECT_EQ(frames[2].data(), message.tensors[0].data.data());
  EXPECT_EQ(frames[2].owner(), message.tensors[0].data.owner());
  const auto back = from_frames(frames);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->body.data(), message.body.data());
  EXPECT_EQ(back->tensors[0].data.data(), message.tensors[0].data.data());
  EXPECT_GE(back->tensors[1].data.data(), frames[0].data());
  EXPECT_LT(back->tensors[1].data.data(), frames[0].data() + frames[0].size());
}

TEST(message, parts_outlive_the_frames) {
  Expected<Message> back;
  {
    auto frames = frames_of(sample(20, {tensor_of(DType::f32, {8})}));
    back = from_frames(frames);
  }
  ASSERT_TRUE(back);
  EXPECT_EQ(bytes_of(back->body), bytes_of(filled(20, 9)));
}

// ---- what may not be sent

TEST(message, too_many_tensors_are_refused) {
  const auto frames = to_frames(sample(1, std::vector<Tensor>(8, tensor_of(DType::f32, {1}))));
  ASSERT_FALSE(frames);
  EXPECT_EQ(frames.error().code, Errc::invalid_argument);
}

TEST(message, bytes_that_disagree_with_the_shape_are_refused) {
  Tensor tensor = tensor_of(DType::f32, {3, 4});
  tensor.dims[0] = 4;
  const auto frames = to_frames(sample(0, {tensor_of(DType::f32, {1}), tensor}));
  ASSERT_FALSE(frames);
  EXPECT_EQ(frames.error().code, Errc::invalid_argument);
  EXPECT_EQ(frames.error().param, "tensor 1");
}

TEST(message, a_shape_whose_size_wraps_is_refused) {
  Tensor tensor{DType::f32, 4, {1u << 31, 1u << 31, 1u << 31, 1u << 31}, {}};
  EXPECT_EQ(to_frames(sample(0, {tensor})).error().code, Errc::invalid_argument);
}

TEST(message, more_than_a_gibibyte_is_refused_by_the_sender) {
  // The bytes are never read: only their number counts.
  const std::byte* nowhere = filled(1).data();
  const Buffer half{nullptr, {nowhere, std::size_t{1} << 29}};
  const Tensor tensor{DType::i8, 1, {1u << 29}, half};
  const auto exactly = to_frames(sample(0, {tensor, tensor}));
  ASSERT_FALSE(exactly) << "header and table count too";
  EXPECT_EQ(exactly.error().code, Errc::payload_too_large);
  const Buffer whole{nullptr, {nowhere, (std::size_t{1} << 30) + 1}};
  Message message;
  message.body = whole;
  EXPECT_EQ(to_frames(message).error().code, Errc::payload_too_large);
  EXPECT_TRUE(to_frames(sample(0, {tensor})));
}

// ---- what may not come

struct Patch {
  std::size_t at;
  std::vector<std::uint8_t> bytes;
};
struct BadCase {
  std::string_view name;
  std::vector<Patch> patches;  // of the first frame; the header is hashed anew
  std::string_view field;
};
class BadMessage : public testing::TestWithParam<BadCase> {};

// Rows: a body of 16 bytes at 224, a tensor of 8 bytes at 240, a tensor of 8000 bytes in frame 1.
std::vector<Buffer> patched(const std::vector<Patch>& patches) {
  auto frames = frames_of(sample(16, {tensor_of(DType::f32, {2}), tensor_of(DType::f32, {2, 1000})}));
  auto first = bytes_of(frames[0]);
  EXPECT_EQ(first.size(), 248U);
  for (const Patch& patch : patches) std::memcpy(first.data() + patch.at, patch.bytes.data(), patch.bytes.size());
  rehash(first.data());
  frames[0] = Buffer::of(std::move(first));
  return frames;
}

TEST_P(BadMessage, names_the_row_or_field) {
  const auto back = from_frames(patched(GetParam().patches));
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Errc::bad_frame);
  EXPECT_EQ(back.error().param, GetParam().field) << back.error().message;
}

constexpr std::size_t kBody = kTable, kSmall = kTable + kRow, kLarge = kTable + 2 * kRow;
INSTANTIATE_TEST_SUITE_P(
    message, BadMessage,
    testing::Values(
        BadCase{"a_body_as_second_row", {{kSmall, {255, 1}}}, "row 1"},
        BadCase{"unknown_type", {{kSmall, {16}}}, "row 1"}, BadCase{"rank_5", {{kSmall + 1, {5}}}, "row 1"},
        BadCase{"rank_0_with_a_dim", {{kSmall + 1, {0}}}, "row 1"},
        BadCase{"a_dim_beyond_the_rank", {{kSmall + 16, {1}}}, "row 1"},
        BadCase{"a_frame_that_is_none", {{kSmall + 2, {2}}}, "row 1"},
        BadCase{"row_flag", {{kSmall + 3, {2}}}, "row 1"}, BadCase{"reserved_bytes", {{kSmall + 20, {1}}}, "row 1"},
        BadCase{"offset_in_the_table", {{kSmall + 24, {216}}}, "row 1"},
        BadCase{"offset_in_the_header", {{kSmall + 24, {0}}}, "row 1"},
        BadCase{"offset_not_aligned", {{kBody + 24, {225}}}, "row 0"},
        BadCase{"offset_at_the_end", {{kSmall + 24, {248}}}, "row 1"},
        BadCase{"offset_that_wraps", {{kSmall + 24, {0xf8, 255, 255, 255, 255, 255, 255, 255}}}, "row 1"},
        BadCase{"offset_in_a_large_frame_not_aligned", {{kLarge + 4, {1}}, {kLarge + 24, {8}}}, "row 2"},
        BadCase{"dims_too_large", {{kLarge + 8, {0xe9, 3}}}, "row 2"},
        BadCase{"dims_that_wrap", {{kLarge + 4, {0, 0, 0, 0x80, 0, 0, 0, 0x80}}}, "row 2"},
        BadCase{"half_a_block", {{kSmall, {7}}}, "row 1"}, BadCase{"payload_bytes", {{104, {1}}}, "payload_bytes"},
        BadCase{"fewer_rows_leave_a_frame", {{12, {2}}}, "frames"}, BadCase{"fewer_frames", {{13, {1}}}, "frames"},
        BadCase{"more_frames", {{13, {3}}}, "frames"}, BadCase{"more_rows_than_bytes", {{12, {8}}}, "rows"},
        BadCase{"shared_flag_without_a_row", {{11, {2}}}, "flags"},
        BadCase{"shared_row_without_room", {{kSmall + 3, {1}}}, "row 1"},
        BadCase{"shared_row_without_shared_memory", {{kLarge + 3, {1}}, {11, {2}}}, "row 2"},
        BadCase{"shared_row_without_the_flag", {{kLarge + 3, {1}}}, "flags"},
        BadCase{"shared_body", {{kBody + 3, {1}}}, "row 0"}, BadCase{"hash_that_is_none", {{11, {1}}}, "payload_hash"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(message, a_frame_lost_or_added_is_an_error) {
  const auto good = patched({});
  ASSERT_TRUE(from_frames(good));
  EXPECT_EQ(from_frames({good[0]}).error().param, "frames");
  EXPECT_EQ(from_frames({good[0], good[1], good[1]}).error().param, "frames");
  EXPECT_EQ(from_frames({}).error().param, "frames");
  EXPECT_EQ(from_frames({Buffer{}}).error().param, "length");
}

TEST(message, every_bit_counts_when_the_payload_is_hashed) {
  const Message message = sample(24, {tensor_of(DType::f32, {1100})}, kPayloadHash);
  const auto good = frames_of(message);
  for (std::size_t frame = 0; frame < good.size(); ++frame) {
    for (std::size_t bit = 0; bit < good[frame].size() * 8; bit += frame == 0 ? 1 : 37) {
      auto bytes = bytes_of(good[frame]);
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
      auto frames = good;
      frames[frame] = Buffer::of(std::move(bytes));
      EXPECT_FALSE(from_frames(frames)) << "frame " << frame << " bit " << bit;
    }
  }
}

TEST(message, a_flipped_bit_of_the_table_never_reaches_outside_the_frames) {
  const auto good = frames_of(sample(16, {tensor_of(DType::f32, {2}), tensor_of(DType::f32, {2, 1000})}));
  for (std::size_t bit = kTable * 8; bit < (kTable + 3 * kRow) * 8; ++bit) {
    auto bytes = bytes_of(good[0]);
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    auto frames = good;
    frames[0] = Buffer::of(std::move(bytes));
    const auto back = from_frames(frames);
    if (!back) continue;
    for (const Tensor& tensor : back->tensors) {
      const bool inside = std::any_of(frames.begin(), frames.end(), [&](const Buffer& f) {
        return tensor.data.data() >= f.data() && tensor.data.data() + tensor.data.size() <= f.data() + f.size();
      });
      EXPECT_TRUE(inside) << "bit " << bit;
      EXPECT_LE(tensor.dtype, DType::u8);
    }
  }
}

TEST(message, a_later_minor_with_a_longer_header_is_read) {
  const auto good = frames_of(sample(16, {}));
  auto bytes = bytes_of(good[0]);
  bytes.insert(bytes.begin() + kHeaderBytes, 16, std::byte{0xcc});
  bytes[5] = std::byte{1};
  bytes[6] = std::byte{kHeaderBytes + 16};
  bytes[kHeaderBytes + 16 + 24] = std::byte{kHeaderBytes + 16 + 32};  // the body moved with the table
  rehash(bytes.data());
  const auto back = from_frames({Buffer::of(bytes)});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(bytes_of(back->body), bytes_of(filled(16, 9)));
}

// ---- shared memory

TEST(shared, a_large_tensor_travels_as_32_bytes_and_is_attached) {
  const Message message = sample(10, {tensor_of(DType::i32, {4}), tensor_of(DType::f32, {50, 100})}, kPayloadHash);
  const SharedRef ref{0x0102030405060708, 3, 77, 4096, 20000};
  const auto frames = to_frames(message, [&](const Tensor& t) {
    EXPECT_EQ(t.data.size(), 20000U) << "small tensors are never asked for";
    return std::optional{ref};
  });
  ASSERT_TRUE(frames);
  ASSERT_EQ(frames->size(), 1U);
  const auto back = from_frames(*frames, [&](const SharedRef& got) -> Expected<Buffer> {
    EXPECT_EQ(got, ref);
    return message.tensors[1].data;
  });
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->tensors[1].data.data(), message.tensors[1].data.data());
  EXPECT_TRUE(same(back->tensors[0], message.tensors[0]));
  EXPECT_NE(back->header.flags & kShared, 0);
  EXPECT_EQ(from_frames(*frames).error().param, "row 2") << "without shared memory";
}

TEST(shared, what_is_not_shared_travels_as_a_frame) {
  const Message message = sample(0, {tensor_of(DType::f32, {5000})});
  const auto frames = to_frames(message, [](const Tensor&) { return std::optional<SharedRef>{}; });
  ASSERT_TRUE(frames);
  EXPECT_EQ((*frames)[1].data(), message.tensors[0].data.data());
}

TEST(shared, a_descriptor_that_disagrees_with_the_shape_is_refused_before_it_is_attached) {
  const Message message = sample(0, {tensor_of(DType::f32, {5000})});
  const auto frames = to_frames(message, [](const Tensor&) { return std::optional{SharedRef{1, 2, 3, 0, 19996}}; });
  const auto back = from_frames(*frames, [](const SharedRef&) -> Expected<Buffer> {
    ADD_FAILURE();
    return Buffer{};
  });
  EXPECT_EQ(back.error().param, "row 0");
}

TEST(shared, why_it_could_not_be_attached_is_told) {
  const Message message = sample(0, {tensor_of(DType::f32, {5000})});
  const auto frames = to_frames(message, [](const Tensor&) { return std::optional{SharedRef{1, 2, 3, 0, 20000}}; });
  const auto gone = [](const SharedRef&) -> Expected<Buffer> { return fail(Errc::unavailable, "the slot is gone"); };
  EXPECT_EQ(from_frames(*frames, gone).error().code, Errc::unavailable);
  const auto small = [](const SharedRef&) -> Expected<Buffer> { return filled(4); };
  EXPECT_EQ(from_frames(*frames, small).error().param, "row 0");
}

}  // namespace
}  // namespace zenith::wire
