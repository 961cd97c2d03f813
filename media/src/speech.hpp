// What the models that speak have in common.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

/// @param most bytes. @returns not_found, bad_file (too large) and io naming the file.
inline Expected<std::string> read_file(const std::filesystem::path& path, std::uint64_t most) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return fail(Errc::not_found, "there is no file " + path.string(), "model");
  }
  if (std::filesystem::file_size(path, error) > most) {
    return fail(Errc::bad_file, path.string() + " is too large", "model");
  }
  std::ifstream file{path, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  if (!file) return fail(Errc::io, path.string() + " cannot be read", "model");
  return bytes;
}

inline constexpr std::uint64_t kLargestConfig = 1u << 20, kLargestGraph = std::uint64_t{1} << 30;

/// Takes the next phrase off `rest`, at a space where there is one. Numbers and letters grow when they are read out:
/// what one run of a graph makes stays bounded all the same.
/// @param longest bytes of IPA.
inline std::string_view cut_phrase(std::string_view& rest, std::size_t longest) {
  std::size_t end = rest.size();
  if (end > longest) {
    end = rest.rfind(' ', longest);
    if (end == std::string_view::npos || end == 0) end = rest.find(' ');
    if (end == std::string_view::npos) end = rest.size();
  }
  const auto phrase = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + 1));
  return phrase;
}

/// Samples beyond -1 … 1 are clipped, as the recordings were.
inline std::vector<std::int16_t> to_s16(std::span<const float> samples) {
  std::vector<std::int16_t> out(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const float s = std::isfinite(samples[i]) ? std::min(1.0F, std::max(-1.0F, samples[i])) : 0.0F;
    out[i] = static_cast<std::int16_t>(std::lround(s * 32767.0F));
  }
  return out;
}

inline Error nothing_to_speak() {
  return {Errc::unsupported, "input: nothing of it can be spoken in English", "input", {}};
}

}  // namespace zenith::media
