// English text to the phonemes that Piper's voices were trained on: espeak's IPA for en-us, made by flite's lexicon,
// letter-to-sound rules and number reading.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::media {

/// One thread at a time.
class Phonemizer {
 public:
  virtual ~Phonemizer() = default;
  /// @param sentence UTF-8; what English text has no sound for (emoji, other scripts) is left out.
  /// @returns IPA as UTF-8: words between spaces, a stress mark before its vowel, punctuation kept; empty when nothing
  /// of the sentence can be spoken. invalid_argument for text that is not UTF-8.
  virtual Expected<std::string> ipa(std::string_view sentence) = 0;
};

Expected<std::unique_ptr<Phonemizer>> make_phonemizer();

}  // namespace zenith::media
