// What is refused, by whom, and under which name.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "random_messages.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links::testing {
namespace {

constexpr Instant kNow{std::chrono::hours{1000}};
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

messages::Generate plain() {
  messages::Generate g;
  g.model = "m";
  g.prompt = std::string{"hi"};
  g.header.deadline = Deadline{kNow + std::chrono::seconds{1}};
  return g;
}

// ---- a writer refuses what a reader would

TEST(codec, a_speak_with_bad_numbers_or_text_is_refused_by_its_field) {
  messages::Speak good;
  good.model = "m";
  good.input = "hello";
  good.header.deadline = Deadline{kNow + std::chrono::seconds{1}};
  ASSERT_TRUE(to_wire(good, kNow));
  const auto param = [&](auto spoil) {
    auto speak = good;
    spoil(speak);
    const auto message = to_wire(speak, kNow);
    return message ? std::string{"nothing"} : message.error().param;
  };
  EXPECT_EQ(param([](auto& s) { s.speed = 0.2F; }), "speed");
  EXPECT_EQ(param([](auto& s) { s.speed = kNaN; }), "speed");
  EXPECT_EQ(param([](auto& s) { s.credit_events = 0; }), "credit_events");
  EXPECT_EQ(param([](auto& s) { s.input = "a\xc3"; }), "input");
  EXPECT_EQ(param([](auto& s) { s.voice = "\xff"; }), "voice");
}

TEST(codec, frames_that_disagree_with_themselves_are_a_bad_frame) {
  messages::Frames good;
  good.dtype = messages::SampleType::u16;
  good.dims = {3};
  good.heads = {{5, 1, 1, 0}, {6, 2, 2, messages::kFrameGap}};
  good.data = Buffer::of(std::string(12, 'x'));
  good.next = 7;
  const auto param = [&](auto spoil) {
    auto frames = good;
    spoil(frames);
    const auto read = event_from_wire(event_to_wire(RequestId{1}, frames));
    return read ? std::string{"nothing"} : read.error().param;
  };
  EXPECT_EQ(param([](auto&) {}), "nothing");
  EXPECT_EQ(param([](auto& f) { f.data = Buffer::of(std::string(11, 'x')); }), "values");
  EXPECT_EQ(param([](auto& f) { f.dims = {4}; }), "values");
  EXPECT_EQ(param([](auto& f) { f.dims = {1u << 24, 1u << 24}; }), "dims");
  EXPECT_EQ(param([](auto& f) { f.dims = {0xffffffff}; }), "dims");
  EXPECT_EQ(param([](auto& f) { f.dims = {1, 1, 1, 1, 3}; }), "dims");
  EXPECT_EQ(param([](auto& f) { f.heads.clear(); }), "heads");
  EXPECT_EQ(param([](auto& f) { f.heads.resize(messages::kMostFrames + 1); }), "heads");
  EXPECT_EQ(param([](auto& f) { f.heads[1].seq = 5; }), "seq");
  EXPECT_EQ(param([](auto& f) { f.heads[1].flags = 16; }), "flags");
  EXPECT_EQ(param([](auto& f) { f.next = 6; }), "next");
  EXPECT_EQ(param([](auto& f) { f.lost = messages::SeqRange{4, 3}; }), "lost");
  auto message = event_to_wire(RequestId{1}, good);
  message.tensors.clear();
  EXPECT_EQ(event_from_wire(message).error().param, "values");
}

TEST(codec, a_watch_and_a_window_out_of_range_are_refused_by_their_field) {
  messages::Watch watch;
  watch.model = "host.cpu";
  watch.header.deadline = Deadline{kNow + std::chrono::seconds{1}};
  ASSERT_TRUE(to_wire(watch, kNow));
  watch.rate_hz = -1;
  EXPECT_EQ(to_wire(watch, kNow).error().param, "rate_hz");
  watch.rate_hz = std::numeric_limits<double>::infinity();
  EXPECT_EQ(to_wire(watch, kNow).error().param, "rate_hz");
  messages::ReadWindow read;
  read.header = watch.header;
  EXPECT_EQ(to_wire(read, kNow).error().param, "window");
  read.window = messages::kLongestWindow + std::chrono::milliseconds{1};
  EXPECT_EQ(to_wire(read, kNow).error().param, "window");
}

TEST(codec, audio_without_its_samples_or_with_too_many_is_a_bad_frame) {
  const auto message = event_to_wire(RequestId{1}, messages::Audio{22050, {1, -2, 3}});
  ASSERT_TRUE(event_from_wire(message));
  auto none = message;
  none.tensors.clear();
  EXPECT_EQ(event_from_wire(none).error().param, "samples");
  auto floats = message;
  floats.tensors.front().dtype = DType::f16;
  EXPECT_EQ(event_from_wire(floats).error().param, "samples");
  const auto many =
      event_to_wire(RequestId{1}, messages::Audio{22050, std::vector<std::int16_t>(messages::kMostSamples + 1)});
  EXPECT_EQ(event_from_wire(many).error().param, "samples");
  EXPECT_EQ(event_from_wire(event_to_wire(RequestId{1}, messages::Audio{0, {1}})).error().param, "sample_rate");
}

struct Refused {
  std::string_view name;
  void (*spoil)(messages::Generate&);
  std::string_view field;
};
class Writer : public ::testing::TestWithParam<Refused> {};

TEST_P(Writer, refuses_and_names_the_field) {
  auto g = plain();
  GetParam().spoil(g);
  const auto message = to_wire(g, kNow);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, Errc::invalid_argument);
  EXPECT_EQ(message.error().param, GetParam().field);
}

Value nested(int levels) {
  Value value = nullptr;
  for (int i = 1; i < levels; ++i) value = Value::Array{std::move(value)};
  return value;
}
messages::Chat chat_of(int levels) { return {{}, {{"deep", nested(levels - 1)}}, ""}; }

INSTANTIATE_TEST_SUITE_P(
    codec, Writer,
    ::testing::Values(
        Refused{"model_not_utf8", [](auto& g) { g.model = "\xff"; }, "model"},
        Refused{"prompt_not_utf8", [](auto& g) { g.prompt = std::string{"a\xc3"}; }, "prompt"},
        Refused{"stop_not_utf8", [](auto& g) { g.stop = {"ok", "\xed\xa0\x80"}; }, "stop"},
        Refused{"nested_too_deeply", [](auto& g) { g.prompt = chat_of(kMaxValueDepth + 1); }, "template_kwargs"},
        Refused{"a_key_twice", [](auto& g) { g.prompt = messages::Chat{{}, {{"a", 1}, {"b", 2}, {"a", 3}}, ""}; },
                "template_kwargs"},
        Refused{"temperature_nan", [](auto& g) { g.sampling.temperature = kNaN; }, "sampling.temperature"},
        Refused{"temperature_negative", [](auto& g) { g.sampling.temperature = -0.1F; }, "sampling.temperature"},
        Refused{"top_p_zero", [](auto& g) { g.sampling.top_p = 0; }, "sampling.top_p"},
        Refused{"min_p_one", [](auto& g) { g.sampling.min_p = 1; }, "sampling.min_p"},
        Refused{"top_k_negative", [](auto& g) { g.sampling.top_k = -1; }, "sampling.top_k"},
        Refused{"presence_penalty", [](auto& g) { g.sampling.presence_penalty = 2.5F; }, "sampling.presence_penalty"},
        Refused{"frequency_nan", [](auto& g) { g.sampling.frequency_penalty = kNaN; }, "sampling.frequency_penalty"},
        Refused{"repeat_penalty_zero", [](auto& g) { g.sampling.repeat_penalty = 0; }, "sampling.repeat_penalty"},
        Refused{"bias_infinite", [](auto& g) { g.sampling.logit_bias = {{3, std::numeric_limits<float>::infinity()}}; },
                "sampling.logit_bias"},
        Refused{"no_choices", [](auto& g) { g.choices = 0; }, "choices"},
        Refused{"too_many_choices", [](auto& g) { g.choices = 129; }, "choices"},
        Refused{"too_many_logprobs", [](auto& g) { g.top_logprobs = 129; }, "top_logprobs"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(codec_limits, a_value_as_deep_as_may_be_passes) {
  auto g = plain();
  g.prompt = chat_of(kMaxValueDepth);
  const auto message = to_wire(g, kNow);
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_TRUE(request_from_wire(*message, kNow));
}

TEST(codec_limits, too_large_a_body_or_too_many_parts_are_refused_before_they_are_sent) {
  auto g = plain();
  g.prompt = std::string(kMaxBodyBytes, 'a');
  EXPECT_EQ(to_wire(g, kNow).error().code, Errc::payload_too_large);
  messages::Embed e;
  e.inputs.assign(std::size_t{1} << 18, std::string{});
  EXPECT_EQ(to_wire(e, kNow).error().code, Errc::payload_too_large);
}

TEST(codec_limits, too_large_an_answer_is_an_error_of_its_own_request) {
  const auto message = reply_to_wire(RequestId{5}, messages::Tokens{std::vector<TokenId>(kMaxBodyBytes / 4, 7)});
  EXPECT_EQ(message.header.request_id, 5u);
  const auto reply = reply_from_wire(message);
  ASSERT_TRUE(reply);
  EXPECT_EQ(std::get<Error>(*reply).code, Errc::payload_too_large);
}

TEST(codec_limits, as_many_parts_as_may_be_sent_can_be_read) {
  messages::Embed e;
  e.inputs.assign((std::size_t{1} << 17) - 64, std::string{"a"});  // each input is two tables
  e.header.deadline = Deadline{kNow};
  const auto message = to_wire(e, kNow);
  ASSERT_TRUE(message) << message.error().message;
  const auto back = request_from_wire(*message, kNow);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(std::get<messages::Embed>(*back).inputs.size(), e.inputs.size());
}

// ---- deadlines

TEST(codec_limits, a_deadline_that_passed_is_a_budget_of_zero_and_a_far_one_is_cut) {
  auto g = plain();
  g.header.deadline = Deadline{kNow - std::chrono::hours{1}};
  EXPECT_EQ(to_wire(g, kNow)->header.budget_us, 0U);
  g.header.deadline = Deadline{kNow + std::chrono::hours{10}};
  EXPECT_EQ(to_wire(g, kNow)->header.budget_us, wire::kNoDeadline - 1);
}

TEST(codec_limits, a_request_without_a_deadline_or_with_an_unknown_priority_is_refused) {
  auto message = *to_wire(plain(), kNow);
  message.header.budget_us = wire::kNoDeadline;
  EXPECT_EQ(request_from_wire(message, kNow).error().param, "budget_us");
  message.header.budget_us = 5;
  message.header.priority = 3;
  EXPECT_EQ(request_from_wire(message, kNow).error().param, "priority");
}

// ---- what comes

TEST(codec_limits, another_kind_or_no_body_is_refused) {
  auto message = *to_wire(plain(), kNow);
  EXPECT_EQ(event_from_wire(message).error().param, "kind");
  EXPECT_EQ(reply_from_wire(message).error().param, "kind");
  EXPECT_EQ(view_from_wire(message).error().param, "kind");
  message.body = {};
  EXPECT_EQ(request_from_wire(message, kNow).error().code, Errc::bad_frame);
}

TEST(codec_limits, text_that_is_no_utf8_is_repaired_in_answers_and_refused_in_bodies) {
  const auto message = event_to_wire(RequestId{1}, messages::Delta{0, "a\xff", "", {}, {}});
  EXPECT_EQ(std::get<messages::Delta>(*event_from_wire(message)).content, "a\xEF\xBF\xBD");

  std::vector<std::byte> bytes{message.body.bytes().begin(), message.body.bytes().end()};
  const std::string_view good = "a\xEF\xBF\xBD";
  const auto at = std::search(bytes.begin(), bytes.end(), good.begin(), good.end(),
                              [](std::byte b, char c) { return b == static_cast<std::byte>(c); });
  ASSERT_NE(at, bytes.end());
  *at = std::byte{0xff};
  wire::Message spoiled = message;
  spoiled.body = Buffer::of(std::move(bytes));
  EXPECT_EQ(event_from_wire(spoiled).error().param, "content");
}

TEST(codec_limits, bytes_of_a_token_need_not_be_utf8) {
  messages::Delta delta{0, "", "", {{{5, "\xff\xfe", -1}, {{6, std::string{"\0\x80", 2}, -2}}}}, {5}};
  const auto back = event_from_wire(event_to_wire(RequestId{1}, delta));
  EXPECT_EQ(std::get<messages::Delta>(*back).logprobs[0].top[0].bytes, delta.logprobs[0].top[0].bytes);
}

TEST(codec_limits, the_last_flag_must_agree_with_the_event) {
  auto message = event_to_wire(RequestId{1}, messages::Started{3});
  message.header.flags |= wire::kLast;
  EXPECT_EQ(event_from_wire(message).error().param, "flags");
}

// ---- vectors

TEST(codec_limits, vectors_of_different_lengths_are_an_error_of_ours) {
  const auto message = reply_to_wire(RequestId{4}, messages::Embeddings{{{1, 2}, {3}}, 5});
  EXPECT_EQ(message.header.kind, wire::Kind::error);
  EXPECT_EQ(std::get<Error>(*reply_from_wire(message)).code, Errc::internal);
}

TEST(codec_limits, vectors_must_be_one_f32_tensor_of_rank_2) {
  const auto good = reply_to_wire(RequestId{4}, messages::Embeddings{{{1, 2}, {3, 4}}, 5});
  auto none = good;
  none.tensors.clear();
  EXPECT_EQ(reply_from_wire(none).error().param, "vectors");
  auto flat = good;
  flat.tensors[0].rank = 1;
  EXPECT_EQ(reply_from_wire(flat).error().param, "vectors");
  auto integers = good;
  integers.tensors[0].dtype = DType::i32;
  EXPECT_EQ(reply_from_wire(integers).error().param, "vectors");
  auto many = good;
  many.tensors[0] = {DType::f32, 2, {0xffffffff, 0}, {}};
  EXPECT_EQ(reply_from_wire(many).error().param, "vectors") << "four thousand million empty vectors";
}

TEST(codec_limits, no_vectors_are_a_reply) {
  const auto back = reply_from_wire(reply_to_wire(RequestId{4}, messages::Embeddings{{}, 5}));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(std::get<messages::Embeddings>(*back).vectors.empty());
}

// ---- a small body cannot become a large message

std::uint32_t u32_at(const std::vector<std::byte>& bytes, std::size_t at) {
  std::uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

TEST(codec_limits, parts_that_share_bytes_may_not_add_up_to_more_than_the_body) {
  messages::Embed e;
  e.inputs.assign(200, std::string{"x"});
  e.inputs.emplace_back(std::string(4000, 'y'));
  e.header.deadline = Deadline{kNow};
  auto message = *to_wire(e, kNow);
  std::vector<std::byte> bytes{message.body.bytes().begin(), message.body.bytes().end()};
  // The vector of 201 inputs: let every entry point to the last one's table.
  std::size_t at = 0;
  while (at + 4 <= bytes.size() && u32_at(bytes, at) != 201) at += 4;
  ASSERT_LT(at, bytes.size());
  const std::size_t last = at + 4 + 200 * 4;
  const std::size_t target = last + u32_at(bytes, last);
  for (std::size_t i = 0; i < 200; ++i) {
    const std::size_t entry = at + 4 + i * 4;
    const auto offset = static_cast<std::uint32_t>(target - entry);
    std::memcpy(bytes.data() + entry, &offset, sizeof offset);
  }
  message.body = Buffer::of(std::move(bytes));
  const auto back = request_from_wire(message, kNow);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().param, "inputs");
  EXPECT_THAT(back.error().message, ::testing::HasSubstr("more than the body"));
}

}  // namespace
}  // namespace zenith::links::testing
