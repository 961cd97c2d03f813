// The .onnx.json beside a Piper voice: which number each phoneme has.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

struct PiperConfig {
  std::uint32_t sample_rate = 0;
  std::string voice;  ///< the data set's name
  float noise_scale = 0.667F, length_scale = 1, noise_w = 0.8F;
  std::map<char32_t, std::vector<std::int64_t>> ids;
};

/// @returns bad_file naming the key.
Expected<PiperConfig> read_piper_config(std::string_view json);

/// BOS, then each phoneme and a pad, then EOS. What the voice has no number for is left out.
std::vector<std::int64_t> phoneme_ids(const PiperConfig& config, std::string_view ipa);

}  // namespace zenith::media
