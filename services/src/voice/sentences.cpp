#include "zenith/services/voice/sentences.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace zenith::services {
namespace {

constexpr std::array<std::string_view, 20> kAbbreviations{"mr",  "mrs", "ms",  "dr",  "prof", "st",    "jr",
                                                          "sr",  "vs",  "etc", "no",  "vol",  "fig",   "gen",
                                                          "col", "rev", "lt",  "sgt", "inc",  "approx"};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Letters beyond ASCII count: other scripts are the speaker's business.
bool says_something(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c >= 0x80; });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Of the word that ends before `end`, in lower case.
std::string word_before(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && std::isalpha(static_cast<unsigned char>(text[begin - 1])) != 0) --begin;
  std::string word{text.substr(begin, end - begin)};
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return word;
}

bool ends_sentence(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '\n') return true;
  if (c != '.' && c != '!' && c != '?') return false;
  const std::size_t next = text.find_first_not_of(".!?\"')]", at + 1);
  if (next != std::string_view::npos && !is_space(text[next])) return false;
  if (c != '.') return true;
  const std::string word = word_before(text, at);
  return word.size() != 1 && std::find(kAbbreviations.begin(), kAbbreviations.end(), word) == kAbbreviations.end();
}

std::size_t cut_of(std::string_view text) {
  const std::string_view window = text.substr(0, kLongestSentence);
  for (const std::string_view marks : {",;:", " \t"}) {
    const std::size_t at = window.find_last_of(marks);
    if (at != std::string_view::npos && at > kLongestSentence / 4) return at + 1;
  }
  std::size_t at = kLongestSentence;
  while (at > 1 && is_continuation(text[at])) --at;
  return at;
}

void add(std::vector<std::string>& out, std::string_view piece) {
  piece = trimmed(piece);
  while (piece.size() > kLongestSentence) {
    const std::size_t cut = cut_of(piece);
    if (says_something(piece.substr(0, cut))) out.emplace_back(trimmed(piece.substr(0, cut)));
    piece = trimmed(piece.substr(cut));
  }
  if (says_something(piece)) out.emplace_back(piece);
}

}  // namespace

std::vector<std::string> sentences(std::string_view text) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!ends_sentence(text, at)) continue;
    std::size_t end = at + 1;
    while (end < text.size() && std::string_view{".!?\"')]"}.find(text[end]) != std::string_view::npos) ++end;
    add(out, text.substr(begin, end - begin));
    begin = end;
    at = end - 1;
  }
  add(out, text.substr(std::min(begin, text.size())));
  return out;
}

}  // namespace zenith::services
