// What lies beside Kokoro's graph: the numbers of its phonemes, and the styles of its voices.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

inline constexpr std::size_t kStyleWidth = 256;
using KokoroVocabulary = std::map<char32_t, std::int64_t>;
/// A row for each number of tokens, from one on.
using KokoroStyle = std::vector<std::array<float, kStyleWidth>>;

/// @returns bad_file naming the key.
Expected<KokoroVocabulary> read_kokoro_vocabulary(std::string_view json);

/// Of an .npz: each member is a voice, f32 [rows, 1, 256]. In the order of their names.
/// @returns bad_file naming the member and what is wrong with it.
Expected<std::map<std::string, KokoroStyle>> read_kokoro_styles(std::string_view npz);

/// espeak's IPA as the symbols that Kokoro was trained on (misaki's: diphthongs and affricates are one symbol, vowels
/// have no length), as numbers. What it has no symbol for is left out.
std::vector<std::int64_t> kokoro_tokens(const KokoroVocabulary& vocabulary, std::string_view ipa);

}  // namespace zenith::media
