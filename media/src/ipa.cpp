#include "ipa.hpp"

#include <algorithm>
#include <array>

namespace zenith::media {
namespace {

struct Row {
  std::string_view phone, stressed, unstressed;
};

// espeak's en-us inventory. Vowels differ by stress where espeak's do.
constexpr std::array<Row, 40> kTable{{
    {"aa", "ɑː", "ɑː"}, {"ae", "æ", "æ"},   {"ah", "ʌ", "ʌ"},  {"ao", "ɔː", "ɔː"}, {"aw", "aʊ", "aʊ"},
    {"ax", "ʌ", "ə"},   {"ay", "aɪ", "aɪ"}, {"b", "b", "b"},   {"ch", "tʃ", "tʃ"}, {"d", "d", "d"},
    {"dh", "ð", "ð"},   {"eh", "ɛ", "ɛ"},   {"er", "ɜː", "ɚ"}, {"ey", "eɪ", "eɪ"}, {"f", "f", "f"},
    {"g", "ɡ", "ɡ"},    {"hh", "h", "h"},   {"ih", "ɪ", "ɪ"},  {"iy", "iː", "i"},  {"jh", "dʒ", "dʒ"},
    {"k", "k", "k"},    {"l", "l", "l"},    {"m", "m", "m"},   {"n", "n", "n"},    {"ng", "ŋ", "ŋ"},
    {"ow", "oʊ", "oʊ"}, {"oy", "ɔɪ", "ɔɪ"}, {"p", "p", "p"},   {"r", "ɹ", "ɹ"},    {"s", "s", "s"},
    {"sh", "ʃ", "ʃ"},   {"t", "t", "t"},    {"th", "θ", "θ"},  {"uh", "ʊ", "ʊ"},   {"uw", "uː", "uː"},
    {"v", "v", "v"},    {"w", "w", "w"},    {"y", "j", "j"},   {"z", "z", "z"},    {"zh", "ʒ", "ʒ"},
}};

constexpr std::array<std::string_view, 53> kFunctionWords{
    "a",    "am",   "an",    "and",  "are",  "as",  "at",   "be", "been", "but",  "by",   "can",  "could", "did",
    "do",   "does", "for",   "from", "had",  "has", "have", "he", "her",  "him",  "his",  "i",    "if",    "in",
    "is",   "it",   "its",   "me",   "my",   "of",  "on",   "or", "she",  "so",   "than", "this", "these", "those",
    "that", "the",  "their", "them", "they", "to",  "was",  "we", "were", "with", "you"};

bool is_vowel(std::string_view phone) { return !phone.empty() && std::string_view{"aeiou"}.find(phone[0]) < 5; }

bool is_function_word(std::string_view word) {
  return std::find(kFunctionWords.begin(), kFunctionWords.end(), word) != kFunctionWords.end();
}

struct Phone {
  std::string_view name;
  bool stressed = false, begins_stress = false;
};

std::vector<Phone> flatten(const Word& word) {
  std::vector<Phone> phones;
  const bool weak = word.syllables.size() == 1 && is_function_word(word.text);
  for (const Syllable& syllable : word.syllables) {
    bool marked = !syllable.stressed || weak;
    for (const std::string& name : syllable.phones) {
      const bool vowel = is_vowel(name);
      phones.push_back({name, vowel && syllable.stressed, vowel && !marked});
      marked = marked || vowel;
    }
  }
  return phones;
}

// "water", "city", "got it": between a vowel and an unstressed vowel American English taps the t.
bool is_flapped(const std::vector<Phone>& phones, std::size_t i) {
  if (phones[i].name != "t" || i == 0 || i + 1 >= phones.size()) return false;
  const Phone& before = phones[i - 1];
  const Phone& after = phones[i + 1];
  return (is_vowel(before.name) || before.name == "r") && is_vowel(after.name) && !after.stressed;
}

std::string_view vowel_before_r(std::string_view phone) {
  if (phone == "uw") return "ʊ";
  return phone == "iy" ? "ɪ" : std::string_view{};
}

std::string word_ipa(const Word& word) {
  const auto phones = flatten(word);
  std::string out;
  for (std::size_t i = 0; i < phones.size(); ++i) {
    const Phone& phone = phones[i];
    if (phone.begins_stress) out += "ˈ";
    const std::string_view next = i + 1 < phones.size() ? phones[i + 1].name : std::string_view{};
    if (is_flapped(phones, i)) {
      out += "ɾ";
    } else if (const auto coloured = next == "r" ? vowel_before_r(phone.name) : std::string_view{}; !coloured.empty()) {
      out += coloured;
    } else if (phone.name == "ao" && next == "g") {
      out += "ɑː";  // "dog", "fog", "log"
    } else {
      out += ipa_of(phone.name, phone.stressed);
    }
  }
  return out;
}

bool starts_with_vowel(const Word& word) {
  return !word.syllables.empty() && !word.syllables.front().phones.empty() &&
         is_vowel(word.syllables.front().phones.front());
}

}  // namespace

std::string_view ipa_of(std::string_view phone, bool stressed) noexcept {
  for (const Row& row : kTable) {
    if (row.phone == phone) return stressed ? row.stressed : row.unstressed;
  }
  return {};
}

std::string to_ipa(const std::vector<Word>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool vowel_follows = i + 1 < words.size() && starts_with_vowel(words[i + 1]);
    std::string spoken;
    if (words[i].text == "the") {
      spoken = vowel_follows ? "ðɪ" : "ðə";
    } else if (words[i].text == "a" && words[i].syllables.size() == 1) {
      spoken = "ɐ";
    } else {
      spoken = word_ipa(words[i]);
    }
    if (spoken.empty()) continue;
    // flite splits "dog's" in two words; the second has no vowel.
    if (!out.empty() && !words[i].text.starts_with('\'')) out += ' ';
    out += spoken + words[i].punctuation;
  }
  return out;
}

}  // namespace zenith::media
