// flite's phones to espeak's IPA. Plain: no flite here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace zenith::media {

struct Syllable {
  bool stressed = false;
  std::vector<std::string> phones;  ///< flite's names of CMU phones: "hh", "ax", "l"
};

struct Word {
  std::string text;  ///< lower case
  std::vector<Syllable> syllables;
  std::string punctuation;  ///< that follows it in the text
};

/// The IPA of one phone that has no neighbours; empty for one that is not known ("pau").
std::string_view ipa_of(std::string_view phone, bool stressed) noexcept;

/// A sentence as espeak writes it: function words unstressed, "the" by what follows, a flapped t, punctuation last.
std::string to_ipa(const std::vector<Word>& words);

}  // namespace zenith::media
