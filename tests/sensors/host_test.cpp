// What a plugin says and lends, before anything of it is believed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "frame_check.hpp"
#include "manifest.hpp"
#include "numbering.hpp"

namespace zenith::sensorhost {
namespace {

using testing::HasSubstr;

constexpr const char* kGood =
    R"({"id":"room","version":"1.2.3-rc.1","kind":"climate","description":"a room","channels":[)"
    R"({"name":"temperature","unit":"Cel","dtype":"f32","shape":[],"rate_hz":0.5},)"
    R"({"name":"image","unit":"1","dtype":"u8","shape":[0,0,3],"rate_hz":1,"policy":"latest"},)"
    R"({"name":"wind","unit":"m/s","dtype":"f64","shape":[2],"labels":["east","north"]}]})";

TEST(manifest, a_good_one_is_read_whole) {
  const auto m = read_manifest(kGood);
  ASSERT_TRUE(m) << m.error().message;
  EXPECT_EQ(m->sensor_id(0), "room.temperature");
  ASSERT_EQ(m->channels.size(), 3U);
  EXPECT_EQ(m->channels[1].policy, messages::BackPressure::latest);
  EXPECT_THAT(m->channels[1].shape, testing::ElementsAre(0U, 0U, 3U));
  EXPECT_EQ(m->channels[2].plugin, "room");
  EXPECT_EQ(m->channels[2].rate_hz, 0);
}

struct Bad {
  const char* name;
  const char* find;
  const char* put;
  const char* param;
};
class BadManifest : public testing::TestWithParam<Bad> {};

TEST_P(BadManifest, is_refused_by_its_member) {
  std::string text = kGood;
  const auto& p = GetParam();
  const auto at = text.find(p.find);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, std::string_view{p.find}.size(), p.put);
  const auto m = read_manifest(text);
  ASSERT_FALSE(m);
  EXPECT_EQ(m.error().param, p.param) << m.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    sensors, BadManifest,
    testing::Values(Bad{"no_id", R"("id":"room",)", "", "id"}, Bad{"id_of_capitals", "room\"", "Room\"", "id"},
                    Bad{"id_with_a_dot", "room\"", "a.b\"", "id"}, Bad{"version", "1.2.3-rc.1", "1.2", "version"},
                    Bad{"version_zero", "1.2.3-rc.1", "01.2.3", "version"}, Bad{"kind", "climate", "Climate!", "kind"},
                    Bad{"no_channels", R"("channels":[)", R"("channel":[)", "channel"},
                    Bad{"unit", R"("Cel")", R"("deg C")", "channels[0].unit"},
                    Bad{"unit_open", R"("Cel")", R"("[degF")", "channels[0].unit"},
                    Bad{"unit_number", R"("Cel")", "7", "channels[0].unit"},
                    Bad{"dtype", "f32", "float", "channels[0].dtype"},
                    Bad{"shape_deep", R"("shape":[2])", R"("shape":[1,1,1,1,1])", "channels[2].shape"},
                    Bad{"shape_negative", R"("shape":[2])", R"("shape":[-2])", "channels[2].shape"},
                    Bad{"shape_huge", R"("shape":[2])", R"("shape":[16777216,16777216])", "channels[2].shape"},
                    Bad{"labels", R"("east","north")", R"("east")", "channels[2].labels"},
                    Bad{"rate", R"("rate_hz":0.5)", R"("rate_hz":-1)", "channels[0].rate_hz"},
                    Bad{"rate_huge", R"("rate_hz":0.5)", R"("rate_hz":1e300)", "channels[0].rate_hz"},
                    Bad{"policy", "latest", "block", "channels[1].policy"},
                    Bad{"name_twice", "\"image\"", "\"temperature\"", "channels[1].name"},
                    Bad{"unknown_member", R"("rate_hz":0.5)", R"("rate":0.5)", "channels[0].rate"},
                    Bad{"no_json", "{\"id\"", "{id", "manifest"},
                    Bad{"deep", "\"Cel\"", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "manifest"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(manifest, random_edits_never_do_more_than_be_refused) {
  std::mt19937_64 random(7);
  const std::string alphabet = "{}[]\",:0123456789.eE+-truefalsn\\u\xff\x80 \n";
  std::size_t good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = kGood;
    for (auto edits = random() % 4; edits + 1 > 0 && edits < 4; --edits) {
      const auto at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0: text[at] = c; break;
        case 1: text.insert(text.begin() + static_cast<std::ptrdiff_t>(at), c); break;
        default: text.erase(at, 1 + random() % 8);
      }
      if (edits == 0) break;
    }
    const auto m = read_manifest(text);
    good += m ? 1 : 0;
    if (!m) {
      EXPECT_FALSE(m.error().message.empty());
    }
  }
  EXPECT_GT(good, 100U) << "some edits are harmless";
}

zenith_frame good_frame() {
  static const std::array<float, 1> data{1};
  zenith_frame f{};
  f.seq = 5;
  f.t_mono_ns = 1;
  f.dtype = ZENITH_F32;
  f.data = data.data();
  f.bytes = 4;
  return f;
}

TEST(frame, lies_are_named) {
  const auto manifest = *read_manifest(kGood);
  ASSERT_TRUE(check_frame(good_frame(), manifest, 4));
  const auto param = [&](auto spoil, std::optional<std::uint64_t> after = {}) {
    auto f = good_frame();
    spoil(f);
    const auto ok = check_frame(f, manifest, after);
    return ok ? std::string{"nothing"} : ok.error().param;
  };
  EXPECT_EQ(param([](auto& f) { f.channel = 3; }), "channel");
  EXPECT_EQ(param([](auto& f) { f.channel = 0xffffffff; }), "channel");
  EXPECT_EQ(param([](auto& f) { f.dtype = ZENITH_F64; }), "dtype");
  EXPECT_EQ(param([](auto& f) { f.dtype = 77; }), "dtype");
  EXPECT_EQ(param([](auto& f) { f.rank = 1; }), "rank");
  EXPECT_EQ(param([](auto& f) { f.bytes = 8; }), "bytes");
  EXPECT_EQ(param([](auto& f) { f.bytes = 0; }), "bytes");
  EXPECT_EQ(param([](auto& f) { f.data = nullptr; }), "data");
  EXPECT_EQ(param([](auto& f) { f.flags = 16; }), "flags");
  EXPECT_EQ(param([](auto&) {}, 5), "seq");
  EXPECT_EQ(param([](auto&) {}, 9), "seq");
  const auto image = [&](std::uint64_t h, std::uint64_t w, std::uint64_t c, std::uint64_t bytes) {
    return param([&](auto& f) {
      f.channel = 1;
      f.dtype = ZENITH_U8;
      f.rank = 3;
      f.dims[0] = h;
      f.dims[1] = w;
      f.dims[2] = c;
      f.bytes = bytes;
    });
  };
  EXPECT_EQ(image(2, 2, 3, 12), "nothing");
  EXPECT_EQ(image(2, 2, 4, 16), "dims") << "the manifest says 3";
  EXPECT_EQ(image(0, 2, 3, 0), "dims");
  EXPECT_EQ(image(1u << 24, 1u << 24, 3, 0), "dims");
  EXPECT_EQ(image(~0ull, 2, 3, 6), "dims");
  EXPECT_EQ(image(1ull << 32, 1ull << 32, 3, 0), "dims") << "the product wraps to 0";
}

TEST(numbering, one_row_over_several_lives) {
  Numbering first{std::nullopt, 1000};
  EXPECT_EQ(first.next(0, 0).seq, 0U);
  EXPECT_FALSE(first.next(1, 1'000'000).gap);
  const auto jump = first.next(5, 5'000'000);
  EXPECT_EQ(jump.seq, 5U);
  EXPECT_TRUE(jump.gap);

  // The life before ended at number 5; 0.5 s later at 1000 a second, 499 are missing.
  Numbering second{services::ChildBoard::Numbers{6, 5'000'000}, 1000};
  const auto began = second.next(0, 505'000'000);
  EXPECT_TRUE(began.gap);
  EXPECT_EQ(began.seq, 6U + 499U);
  EXPECT_EQ(second.next(1, 506'000'000).seq, 506U);

  Numbering irregular{services::ChildBoard::Numbers{6, 5'000'000}, 0};
  EXPECT_EQ(irregular.next(100, 9'000'000'000).seq, 7U) << "at least one number says that something is missing";
  Numbering clock_went_back{services::ChildBoard::Numbers{6, 5'000'000'000}, 10};
  EXPECT_EQ(clock_went_back.next(0, 1).seq, 7U);
}

}  // namespace
}  // namespace zenith::sensorhost
