// Our features, encoder and greedy text against faster-whisper's on the same weights: tests/parity/whisper/golden.py.
// The model must be there: `zenith pull whisper-base`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mel.hpp"
#include "whisper_decode.hpp"
#include "zenith/core/config.hpp"
#include "zenith/media/audio.hpp"
#include "zenith/media/whisper.hpp"

namespace zenith::media {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

std::vector<std::byte> read_bytes(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
  const auto view = std::as_bytes(std::span{bytes});
  return {view.begin(), view.end()};
}

struct WhisperParity : testing::Test {
  static void SetUpTestSuite() {
    golden = Json::parse(std::ifstream{fs::path{ZENITH_TEST_DATA} / "whisper" / "golden.json"});
    file = read_bytes(fs::path{ZENITH_TEST_DATA} / "whisper" / "speech.flac");
    auto reader = AudioReader::open(file, kMelRate);
    ASSERT_TRUE(reader) << reader.error().message;
    while (*(*reader)->read(samples)) {
    }
    auto weights = Ct2Model::read(folder() / "model.bin");
    ASSERT_TRUE(weights) << weights.error().message << ": zenith pull whisper-base";
    auto loaded = WhisperNet::load(*weights, zenith_home() / "cache" / "graphs");
    ASSERT_TRUE(loaded) << loaded.error().message;
    net = std::move(*loaded);
    auto read = WhisperVocabulary::load(folder());
    ASSERT_TRUE(read) << read.error().message;
    vocabulary = std::make_unique<WhisperVocabulary>(std::move(*read));
  }
  static void TearDownTestSuite() { net.reset(); }
  void SetUp() override { ASSERT_TRUE(net && vocabulary); }
  static fs::path folder() { return zenith_home() / "models" / "whisper-base"; }

  /// The largest difference, as a part of the largest value.
  static double difference(std::span<const float> ours, const Json& theirs) {
    EXPECT_EQ(ours.size(), theirs["size"].get<std::size_t>());
    const auto stride = theirs["stride"].get<std::size_t>();
    double most = 0, largest = 0;
    std::size_t at = 0;
    for (const auto& value : theirs["values"]) {
      most = std::max(most, std::abs(ours[at % ours.size()] - value.get<double>()));
      largest = std::max(largest, std::abs(value.get<double>()));
      at += stride;
    }
    return most / largest;
  }

  static inline Json golden;
  static inline std::vector<std::byte> file;
  static inline std::vector<float> samples;
  static inline std::unique_ptr<WhisperNet> net;
  static inline std::unique_ptr<WhisperVocabulary> vocabulary;
};

TEST_F(WhisperParity, features_and_encoder) {
  EXPECT_EQ(samples.size(), golden["samples"].get<std::size_t>());
  const auto mel = log_mel(samples);
  EXPECT_LT(difference(mel, golden["features"]), 1e-4);
  ASSERT_TRUE(net->encode(mel, whole_window()));
  EXPECT_LT(difference(net->encoded(), golden["encoded"]), 2e-3);
}

TEST_F(WhisperParity, the_greedy_text_token_by_token) {
  ASSERT_TRUE(net->encode(log_mel(samples), whole_window()));
  const auto language = detect_language(*net, *vocabulary);
  ASSERT_TRUE(language);
  EXPECT_EQ(language->code, golden["language"]);
  EXPECT_NEAR(language->probability, golden["language_probability"].get<double>(), 1e-3);
  DecodeOptions options;
  options.language = vocabulary->specials().languages.at(language->code);
  const auto decoded = decode_window(*net, *vocabulary, options, [] { return true; });
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_THAT(decoded->tokens, testing::ElementsAreArray(golden["tokens"].get<std::vector<TokenId>>()));
  EXPECT_EQ(vocabulary->text(decoded->tokens), golden["text"]);
  EXPECT_NEAR(decoded->avg_logprob, golden["avg_logprob"].get<double>(), 2e-3);
  EXPECT_NEAR(decoded->no_speech_prob, golden["no_speech_prob"].get<double>(), 1e-3);
}

// Of the first seconds: nearly what the whole window gives for their places, and the same words.
TEST_F(WhisperParity, a_short_window_hears_the_same) {
  const auto first = std::span{samples}.first(4 * kMelRate);
  DecodeOptions options;
  options.language = vocabulary->specials().languages.at("en");
  const auto go_on = [] { return true; };
  ASSERT_TRUE(net->encode(log_mel(first), whole_window()));
  const auto seen = net->encoded();
  const std::vector<float> whole(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(seen.size() / 1500 * 200));
  const auto text = vocabulary->text(decode_window(*net, *vocabulary, options, go_on)->tokens);
  const auto error_of = [&](const WhisperWindow& window) {
    EXPECT_TRUE(net->encode(log_mel(first, window.frames()), window));
    double error = 0, all = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) {
      error += std::pow(net->encoded()[i] - whole[i], 2);
      all += std::pow(whole[i], 2);
    }
    return std::sqrt(error / all);
  };
  auto cut = whole_window();
  cut.places.resize(window_of(first.size()).places.size());
  cut.weights.resize(cut.places.size());
  const double without = error_of(cut), with = error_of(window_of(first.size()));
  EXPECT_LT(with, 0.1);
  EXPECT_LT(with, 0.7 * without) << "what the sampled silence is for";
  const auto decoded = decode_short(*net, *vocabulary, options, 4, go_on);
  ASSERT_TRUE(decoded && *decoded);
  EXPECT_EQ(vocabulary->text((*decoded)->tokens), text);
}

TEST_F(WhisperParity, prompts_have_the_trainers_tokens) {
  for (const auto& [text, tokens] : golden["prompt"].items()) {
    EXPECT_THAT(vocabulary->encode(text), testing::ElementsAreArray(tokens.get<std::vector<TokenId>>())) << text;
  }
}

TEST_F(WhisperParity, a_whole_file_is_heard) {
  auto whisper = Whisper::load(folder(), folder().parent_path() / "silero-vad" / "silero_vad_openvino_16k.onnx",
                               zenith_home() / "cache" / "graphs");
  ASSERT_TRUE(whisper) << whisper.error().message;
  const auto heard = (*whisper)->hear(file, {}, [] { return true; });
  ASSERT_TRUE(heard) << heard.error().message;
  EXPECT_EQ(heard->language, "english");
  EXPECT_NEAR(heard->duration, static_cast<double>(samples.size()) / kMelRate, 1e-6);
  std::string text;
  for (const auto& segment : heard->segments) text += segment.text;
  EXPECT_EQ(text, golden["text"]);
  int asked = 0;
  EXPECT_EQ((*whisper)->hear(file, {}, [&] { return ++asked < 30; }).error().code, Errc::cancelled);
  EXPECT_EQ((*whisper)->hear(file, {.language = "klingon"}, [] { return true; }).error().param, "language");
}

}  // namespace
}  // namespace zenith::media
