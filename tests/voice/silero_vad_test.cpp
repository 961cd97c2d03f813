// The real detector (`zenith pull silero-vad` gets its file) against what its graph gives through onnxruntime
// (tests/parity/vad_golden.py), and what a wrong file says.
#include "zenith/models/voice/silero_vad.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>

#include "fixture.hpp"
#include "npy.hpp"
#include "zenith/models/weights/safetensors.hpp"

namespace zenith::models {
namespace {

const std::string kData = std::string{ZENITH_TEST_DATA} + "/parity/";

std::shared_ptr<const SileroWeights> weights() {
  auto loaded = load_silero_vad(test::model_file("silero-vad/silero_vad_16k.safetensors"));
  EXPECT_TRUE(loaded) << loaded.error().message << " (get it with: zenith pull silero-vad)";
  return loaded ? *loaded : nullptr;
}

std::span<const float, SileroVad::kFrame> frame(const parity::Array<float>& samples, std::size_t i) {
  return std::span<const float, SileroVad::kFrame>{samples.values.data() + i * SileroVad::kFrame, SileroVad::kFrame};
}

TEST(silero_vad, agrees_with_the_reference_frame_by_frame) {
  const auto w = weights();
  ASSERT_NE(w, nullptr);
  const auto samples = parity::load_npy<float>(kData + "silero-vad-samples.npy");
  const auto expected = parity::load_npy<float>(kData + "silero-vad-probabilities.npy");
  ASSERT_EQ(samples.values.size(), expected.values.size() * SileroVad::kFrame);
  SileroVad vad{w};
  float low = 1, high = 0;
  for (int round = 0; round < 2; ++round) {  // after reset() it is as new
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      const float p = vad.probability(frame(samples, i));
      EXPECT_NEAR(p, expected.values[i], 1e-4) << "frame " << i;
      low = std::min(low, p);
      high = std::max(high, p);
    }
    vad.reset();
  }
  EXPECT_LT(low, 0.1F);
  EXPECT_GT(high, 0.5F) << "the golden never speaks: it proves little";
}

TEST(silero_vad, a_frame_takes_far_less_than_it_lasts) {
  const auto w = weights();
  ASSERT_NE(w, nullptr);
  const auto samples = parity::load_npy<float>(kData + "silero-vad-samples.npy");
  SileroVad vad{w};
  float sum = 0;
  double best = 1e9;
  for (int round = 0; round < 20; ++round) {
    const auto began = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < 40; ++i) sum += vad.probability(frame(samples, i));
    best = std::min(best,
                    std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count() / 40);
  }
  EXPECT_GT(sum, 0);
  RecordProperty("ms_per_frame", std::to_string(best));
  std::printf("%.4f ms a frame of 32 ms\n", best);
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(best, 1.0);
#endif
}

TEST(silero_vad, a_wrong_file_names_the_tensor) {
  const std::string header = R"({"stft_conv.weight":{"dtype":"F32","shape":[2,1,2],"data_offsets":[0,16]}})";
  std::string bytes(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(bytes.data(), &size, 8);
  bytes += header + std::string(16, '\0');
  const auto source = parse_safetensors(std::as_bytes(std::span{bytes}));
  ASSERT_TRUE(source) << source.error().message;
  const auto made = silero_weights(**source);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::bad_file);
  EXPECT_EQ(made.error().param, "stft_conv.weight");
  EXPECT_NE(made.error().message.find("258"), std::string::npos) << made.error().message;
  EXPECT_EQ(load_silero_vad("/nowhere.safetensors").error().code, Errc::io);
}

}  // namespace
}  // namespace zenith::models
