#include "tokenizer/wordpiece.hpp"

#include <algorithm>

#include "tokenizer/unicode.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::models {
namespace {

using unicode::BertClass;

constexpr std::string_view kInside = "##", kStart = "\xE2\x96\x81";
constexpr char32_t kReplacement = 0xFFFD;

// The blocks that BERT's own tokenizer lists.
bool chinese(char32_t c) noexcept {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

struct Form {
  bool inside;
  std::string_view text;
};

Form form_of(std::string_view text, WordPieceOptions::Spelling spelling) noexcept {
  if (spelling == WordPieceOptions::Spelling::hashes) {
    const bool inside = text.size() > kInside.size() && text.starts_with(kInside);
    return {inside, inside ? text.substr(kInside.size()) : text};
  }
  const bool start = text.size() > kStart.size() && text.starts_with(kStart);
  return {!start, start ? text.substr(kStart.size()) : text};
}

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(Vocabulary v, const WordPieceOptions& options)
    : VocabularyTokenizer(std::move(v)), options_(options), starts_(vocab_size()), insides_(vocab_size()) {
  for (std::size_t i = 0; i < vocab_size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (kind(id) != TokenKind::normal) continue;
    const Form form = form_of(text(id), options_.spelling);
    longest_piece_ = std::max(longest_piece_, form.text.size());
    (form.inside ? insides_ : starts_).insert(form.text, id);
  }
}

Expected<std::unique_ptr<Tokenizer>> WordPieceTokenizer::make(Vocabulary vocabulary, const WordPieceOptions& options,
                                                              std::string_view key) {
  if (vocabulary.ids().unknown < 0) {
    return fail(Errc::bad_file, "key '" + std::string{key} + "': WordPiece needs an unknown token", std::string{key});
  }
  return std::unique_ptr<Tokenizer>{new WordPieceTokenizer(std::move(vocabulary), options)};
}

std::vector<char32_t> WordPieceTokenizer::normalized(std::string_view text) const {
  const unicode::ClassTable& classes = unicode::ClassTable::get();
  std::vector<char32_t> out;
  out.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    char32_t c = utf8_next(text, pos);
    if (c == kInvalidCodepoint) c = kReplacement;
    if (options_.clean_text) {
      if (classes[c].bert() == BertClass::removed) continue;
      if (classes[c].white_space()) c = ' ';
    }
    if (options_.chinese_chars && chinese(c)) {
      out.insert(out.end(), {U' ', c, U' '});
    } else {
      out.push_back(c);
    }
  }
  if (options_.strip_accents) {
    unicode::decompose(out);
    std::erase_if(out, [&](char32_t c) { return classes[c].bert() == BertClass::mark; });
  }
  if (options_.lowercase) {
    const bool dotted = std::find(out.begin(), out.end(), U'\u0130') != out.end();
    std::vector<char32_t> lowered;
    lowered.reserve(out.size());
    for (const char32_t c : out) {
      lowered.push_back(unicode::lower(c));
      if (dotted && c == U'\u0130') lowered.push_back(U'\u0307');
    }
    out = std::move(lowered);
  }
  return out;
}

std::vector<TokenId> WordPieceTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  std::vector<Fragment> fragments;
  vocabulary().specials().partition(text, options, fragments);
  if (options.add_special && bos() >= 0) ids.push_back(bos());
  for (const Fragment& fragment : fragments) {
    if (fragment.id >= 0) {
      ids.push_back(fragment.id);
    } else {
      encode_text(fragment.text, ids);
    }
  }
  if (options.add_special && vocabulary().ids().separator >= 0) ids.push_back(vocabulary().ids().separator);
  return ids;
}

void WordPieceTokenizer::encode_text(std::string_view text, std::vector<TokenId>& out) const {
  const unicode::ClassTable& classes = unicode::ClassTable::get();
  const std::vector<char32_t> points = normalized(text);
  const std::span<const char32_t> all{points};
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= all.size(); ++i) {
    const bool punctuation = i < all.size() && classes[all[i]].bert() == BertClass::punctuation;
    if (i < all.size() && !punctuation && !classes[all[i]].white_space()) continue;
    if (begin < i) encode_word(all.subspan(begin, i - begin), out);
    if (punctuation) encode_word(all.subspan(i, 1), out);
    begin = i + 1;
  }
}

void WordPieceTokenizer::encode_word(std::span<const char32_t> word, std::vector<TokenId>& out) const {
  const std::size_t before = out.size();
  const auto give_up = [&] {
    out.resize(before);
    out.push_back(vocabulary().ids().unknown);
  };
  if (word.size() > options_.longest_word) return give_up();
  std::string bytes;
  for (const char32_t c : word) utf8_append(bytes, c);
  for (std::size_t begin = 0; begin < bytes.size();) {
    const StringIndex& index = begin == 0 ? starts_ : insides_;
    TokenId found = -1;
    std::size_t end = std::min(bytes.size(), begin + longest_piece_);
    for (; end > begin; --end) {
      if (end < bytes.size() && (static_cast<unsigned char>(bytes[end]) & 0xC0) == 0x80)
        continue;  // inside a character
      found = index.find(std::string_view{bytes}.substr(begin, end - begin));
      if (found >= 0) break;
    }
    if (found < 0) return give_up();
    out.push_back(found);
    begin = end;
  }
}

void WordPieceTokenizer::append_piece(std::string& out, TokenId id, bool special) const {
  if (!vocabulary().contains(id) || (vocabulary().hidden(id) && !special)) return;
  const Form form = kind(id) == TokenKind::normal ? form_of(text(id), options_.spelling) : Form{false, text(id)};
  if (!form.inside) out.push_back(' ');
  out += form.text;
}

std::string WordPieceTokenizer::piece(TokenId id, bool special) const {
  std::string out;
  append_piece(out, id, special);
  return out;
}

std::string WordPieceTokenizer::decode(std::span<const TokenId> ids, bool special) const {
  std::string out;
  for (const TokenId id : ids) append_piece(out, id, special);
  if (!out.empty() && out.front() == ' ') out.erase(0, 1);
  return out;
}

}  // namespace zenith::models
