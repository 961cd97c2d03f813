#include <algorithm>
#include <cctype>

#include "ipa.hpp"
#include "spoken_text.hpp"
#include "zenith/media/phonemes.hpp"

extern "C" {
#include <flite/flite.h>
// Debian ships these without a header.
void usenglish_init(cst_voice* voice);
cst_lexicon* cmu_lex_init(void);
}

namespace zenith::media {
namespace {

struct FreeUtterance {
  void operator()(cst_utterance* u) const noexcept { delete_utterance(u); }
};
using Utterance = std::unique_ptr<cst_utterance, FreeUtterance>;

struct FreeVoice {
  void operator()(cst_voice* v) const noexcept { delete_voice(v); }
};

/// Of a token's punctuation, what Piper's voices know; one mark, the strongest.
std::string mark_of(std::string_view punctuation) {
  for (const char mark : {'?', '!', '.', ';', ':', ','}) {
    if (punctuation.find(mark) != std::string_view::npos) return {mark};
  }
  return {};
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

Word read_word(cst_item* item) {
  Word word;
  word.text = lower(item_name(item));
  for (cst_item* s = item_daughter(item_as(item, "SylStructure")); s != nullptr; s = item_next(s)) {
    Syllable syllable;
    syllable.stressed = std::string_view{ffeature_string(s, "stress")} == "1";
    for (cst_item* p = item_daughter(s); p != nullptr; p = item_next(p)) syllable.phones.emplace_back(item_name(p));
    word.syllables.push_back(std::move(syllable));
  }
  // The token's mark goes behind the last of the words that it was read as.
  cst_item* in_token = item_as(item, "Token");
  cst_item* token = item_parent(in_token);
  if (token != nullptr && item_next(in_token) == nullptr && item_feat_present(token, "punc") != 0) {
    word.punctuation = mark_of(item_feat_string(token, "punc"));
  }
  return word;
}

class FlitePhonemizer final : public Phonemizer {
 public:
  FlitePhonemizer() : voice_(new_voice()) {
    usenglish_init(voice_.get());
    cst_lexicon* lexicon = cmu_lex_init();
    feat_set(voice_->features, "lexicon", lexicon_val(lexicon));
    feat_set(voice_->features, "postlex_func", uttfunc_val(lexicon->postlex));
  }

  Expected<std::string> ipa(std::string_view sentence) override {
    auto text = spoken_ascii(sentence);
    if (!text) return text;
    if (std::none_of(text->begin(), text->end(), [](unsigned char c) { return std::isalnum(c) != 0; })) return "";
    const Utterance utterance{new_utterance()};
    cst_utterance* u = utterance.get();
    utt_set_input_text(u, text->c_str());
    utt_init(u, voice_.get());
    for (auto* step : {default_tokenization, default_textanalysis, default_pos_tagger, default_phrasing,
                       default_lexical_insertion}) {
      if (step(u) == nullptr) return fail(Errc::internal, "the text could not be read as words");
    }
    std::vector<Word> words;
    cst_relation* relation = utt_relation(u, "Word");
    for (cst_item* w = relation_head(relation); w != nullptr; w = item_next(w)) words.push_back(read_word(w));
    return to_ipa(words);
  }

 private:
  std::unique_ptr<cst_voice, FreeVoice> voice_;
};

}  // namespace

Expected<std::unique_ptr<Phonemizer>> make_phonemizer() {
  static const bool once = [] {
    flite_init();
    return true;
  }();
  static_cast<void>(once);
  return std::make_unique<FlitePhonemizer>();
}

}  // namespace zenith::media
