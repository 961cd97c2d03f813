// The .onnx.json of a voice, and phonemes as its numbers.
#include "piper_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "zenith/media/voice.hpp"

namespace zenith::media {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string config(const std::string& audio = R"({"sample_rate":22050})",
                   const std::string& map = R"({"_":[0],"^":[1],"$":[2]," ":[3],"a":[14],"ˈ":[120]})",
                   const std::string& more = {}) {
  return R"({"dataset":"joe","num_speakers":1,"audio":)" + audio + R"(,"phoneme_id_map":)" + map + more + "}";
}

TEST(piper_config, ids_have_a_pad_behind_each_phoneme) {
  const auto read = read_piper_config(config());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->voice, "joe");
  EXPECT_EQ(read->sample_rate, 22'050U);
  EXPECT_THAT(phoneme_ids(*read, "ˈa a"), ElementsAre(1, 0, 120, 0, 14, 0, 3, 0, 14, 0, 2));
  EXPECT_THAT(phoneme_ids(*read, "aζ"), ElementsAre(1, 0, 14, 0, 2)) << "no number: left out";
  EXPECT_THAT(phoneme_ids(*read, ""), ElementsAre(1, 0, 2));
}

struct BadConfig {
  const char* name;
  std::string json;
  const char* says;
};
class BadConfigs : public testing::TestWithParam<BadConfig> {};
TEST_P(BadConfigs, are_refused_by_their_key) {
  const auto read = read_piper_config(GetParam().json);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::bad_file);
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    media, BadConfigs,
    testing::Values(BadConfig{"no_json", "{", "no JSON"}, BadConfig{"no_audio", config("{}"), "audio.sample_rate"},
                    BadConfig{"audio_is_a_list", config("[]"), "audio.sample_rate"},
                    BadConfig{"absurd_rate", config(R"({"sample_rate":1})"), "out of range"},
                    BadConfig{"no_pad", config(R"({"sample_rate":22050})", R"({"^":[1],"$":[2]})"), "lacks one of"},
                    BadConfig{"two_letters", config(R"({"sample_rate":22050})", R"({"ab":[1]})"), "no character"},
                    BadConfig{"a_far_id", config(R"({"sample_rate":22050})", R"({"a":[99999]})"), "out of range"},
                    BadConfig{"scale",
                              config(R"({"sample_rate":22050})", R"({"_":[0],"^":[1],"$":[2]})",
                                     R"(,"inference":{"noise_w":-1})"),
                              "inference.noise_w"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(piper, files_that_are_missing_or_no_graph_are_refused_by_their_path) {
  const std::filesystem::path folder = testing::TempDir() + "piper_config_test";
  std::filesystem::create_directories(folder);
  EXPECT_EQ(load_piper(folder / "none.onnx", {}).error().code, Errc::not_found);
  std::ofstream{folder / "bad.onnx"} << "this is no graph";
  std::ofstream{folder / "bad.onnx.json"} << config();
  const auto voice = load_piper(folder / "bad.onnx", {});
  ASSERT_FALSE(voice);
  EXPECT_EQ(voice.error().code, Errc::bad_file);
  EXPECT_THAT(voice.error().message, HasSubstr("bad.onnx"));
}

}  // namespace
}  // namespace zenith::media
