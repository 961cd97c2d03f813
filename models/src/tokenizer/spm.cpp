#include "tokenizer/spm.hpp"

#include <algorithm>
#include <unordered_map>

#include "zenith/core/utf8.hpp"

namespace zenith::models {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581
constexpr std::size_t kSlice = std::size_t{1}
                               << 29;  // positions are counted in 32 bits, and a space becomes three bytes

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, done)) {
    out.append(text.substr(done, at - done)).append(to);
    done = at + from.size();
  }
  return out.append(text.substr(done));
}

int hex_digit(char c) noexcept { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

// "<0xAB>" is 0xAB; -1 for anything else.
int byte_token(std::string_view text) noexcept {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return -1;
  const int high = hex_digit(text[3]), low = hex_digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

/// One text on its way from characters to tokens.
class SpmTokenizer::Merging {
 public:
  Merging(const SpmTokenizer& owner, std::string_view text) : owner_(owner), text_(text) {
    nodes_.reserve(text.size());
    for (std::size_t pos = 0; pos < text.size();) {
      const std::size_t begin = pos;
      if (static_cast<unsigned char>(text[pos]) < 0x80) {
        ++pos;
      } else {
        utf8_next(text, pos);
      }
      const auto at = static_cast<std::int32_t>(nodes_.size());
      nodes_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(pos - begin), at - 1, at + 1});
    }
    if (!nodes_.empty()) nodes_.back().next = -1;
  }

  void run() {
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(nodes_.size()); ++i) offer(i);
    std::make_heap(heap_.begin(), heap_.end(), later);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      const Candidate c = heap_.back();
      heap_.pop_back();
      Node& left = node(c.at);
      if (left.size == 0 || left.next < 0) continue;
      Node& right = node(left.next);
      if (left.size + right.size != c.size) continue;  // out of date
      left.size = c.size;
      left.next = right.next;
      right.size = 0;
      if (left.next >= 0) node(left.next).previous = c.at;
      if (left.previous >= 0) push(left.previous);
      push(c.at);
    }
  }

  void emit(std::vector<TokenId>& out) const {
    bool after_unknown = false;
    for (std::int32_t i = nodes_.empty() ? -1 : 0; i >= 0; i = nodes_[static_cast<std::size_t>(i)].next) {
      const Node& n = nodes_[static_cast<std::size_t>(i)];
      emit_unless_unused(text_.substr(n.begin, n.size), after_unknown, out);
    }
  }

 private:
  struct Node {
    std::uint32_t begin, size;
    std::int32_t previous, next;
  };
  struct Candidate {
    float score;
    std::int32_t at;
    std::uint32_t size;
  };
  static bool later(const Candidate& a, const Candidate& b) noexcept {
    return a.score != b.score ? a.score < b.score : a.at > b.at;
  }

  Node& node(std::int32_t at) noexcept { return nodes_[static_cast<std::size_t>(at)]; }

  void offer(std::int32_t at) {
    const Node& left = node(at);
    if (left.next < 0) return;
    const std::uint32_t size = left.size + node(left.next).size;
    if (size > owner_.longest_) return;
    const std::string_view joined = text_.substr(left.begin, size);
    const TokenId id = owner_.mergeable(joined);
    if (id < 0) return;
    if (owner_.kind(id) == TokenKind::unused) halves_.emplace(joined, left.size);
    heap_.push_back({owner_.scores_[static_cast<std::size_t>(id)], at, size});
  }

  void push(std::int32_t at) {
    const std::size_t before = heap_.size();
    offer(at);
    if (heap_.size() != before) std::push_heap(heap_.begin(), heap_.end(), later);
  }

  // An unused token is taken apart again into what it was merged from.
  void emit_unless_unused(std::string_view symbol, bool& after_unknown, std::vector<TokenId>& out) const {
    std::vector<std::string_view> todo{symbol};
    while (!todo.empty()) {
      const std::string_view s = todo.back();
      todo.pop_back();
      const auto split = halves_.empty() ? halves_.end() : halves_.find(s);
      if (split == halves_.end()) {
        owner_.emit(s, after_unknown, out);
      } else {
        todo.push_back(s.substr(split->second));
        todo.push_back(s.substr(0, split->second));
      }
    }
  }

  const SpmTokenizer& owner_;
  std::string_view text_;
  std::vector<Node> nodes_;
  std::vector<Candidate> heap_;
  std::unordered_map<std::string_view, std::uint32_t> halves_;  // of unused tokens: bytes of the left half
};

SpmTokenizer::SpmTokenizer(Vocabulary v, std::vector<float> scores, const SpmOptions& options)
    : VocabularyTokenizer(std::move(v)), options_(options), scores_(std::move(scores)), byte_of_(vocab_size(), -1) {
  std::fill(std::begin(byte_ids_), std::end(byte_ids_), -1);
  for (std::size_t i = 0; i < vocab_size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    longest_ = std::max(longest_, text(id).size());
    if (kind(id) != TokenKind::byte) continue;
    const int byte = byte_token(text(id));
    if (byte < 0) continue;
    byte_ids_[byte] = id;
    byte_of_[i] = static_cast<std::int16_t>(byte);
  }
}

Expected<std::unique_ptr<Tokenizer>> SpmTokenizer::make(Vocabulary vocabulary, std::vector<float> scores,
                                                        const SpmOptions& options) {
  const TokenId unknown = vocabulary.ids().unknown;
  vocabulary.fold_spaces();
  std::unique_ptr<SpmTokenizer> made{new SpmTokenizer(std::move(vocabulary), std::move(scores), options)};
  const bool bytes =
      std::none_of(std::begin(made->byte_ids_), std::end(made->byte_ids_), [](TokenId id) { return id < 0; });
  if (!bytes && unknown < 0) {
    return fail(Errc::bad_file,
                "key 'tokenizer.ggml.tokens' has neither all byte tokens <0x00> to <0xFF> nor an unknown token",
                "tokenizer.ggml.tokens");
  }
  return made;
}

TokenId SpmTokenizer::mergeable(std::string_view text) const noexcept {
  const TokenId id = vocabulary().find(text);
  if (id < 0) return -1;
  const TokenKind k = kind(id);
  return k == TokenKind::normal || k == TokenKind::user_defined || k == TokenKind::unused ? id : -1;
}

std::vector<TokenId> SpmTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  std::vector<Fragment> fragments;
  vocabulary().specials().partition(text, options, fragments);
  if (options.add_special && options_.add_bos && bos() >= 0) ids.push_back(bos());
  bool prefix = options_.add_space_prefix;
  for (const Fragment& fragment : fragments) {
    if (fragment.id >= 0) {
      ids.push_back(fragment.id);
      prefix = options_.add_space_prefix;
      continue;
    }
    for (std::size_t at = 0; at < fragment.text.size(); at += kSlice) {
      encode_text(fragment.text.substr(at, kSlice), prefix, ids);
      prefix = false;
    }
  }
  if (options.add_special && options_.add_eos && eos() >= 0) ids.push_back(eos());
  return ids;
}

void SpmTokenizer::encode_text(std::string_view text, bool prefix, std::vector<TokenId>& out) const {
  std::string escaped = prefix ? std::string{kSpace} : std::string{};
  escaped += replace_all(text, " ", kSpace);
  Merging merging{*this, escaped};
  merging.run();
  merging.emit(out);
}

void SpmTokenizer::emit(std::string_view symbol, bool& after_unknown, std::vector<TokenId>& out) const {
  if (const TokenId id = mergeable(symbol); id >= 0) {
    out.push_back(id);
    after_unknown = false;
    return;
  }
  const auto byte_id = [&](char b) { return byte_ids_[static_cast<unsigned char>(b)]; };
  if (std::all_of(symbol.begin(), symbol.end(), [&](char b) { return byte_id(b) >= 0; })) {
    for (const char b : symbol) out.push_back(byte_id(b));
    after_unknown = false;
  } else {
    const TokenId unknown = vocabulary().ids().unknown;
    if (!after_unknown && unknown >= 0) out.push_back(unknown);
    after_unknown = true;
  }
}

void SpmTokenizer::append_piece(std::string& out, TokenId id, bool special) const {
  if (!vocabulary().contains(id)) return;
  if (const int byte = byte_of_[static_cast<std::size_t>(id)]; byte >= 0) {
    out.push_back(static_cast<char>(byte));
  } else if (!vocabulary().hidden(id)) {
    out += replace_all(text(id), kSpace, " ");
  } else if (special) {
    out += text(id);
  }
}

std::string SpmTokenizer::piece(TokenId id, bool special) const {
  std::string out;
  append_piece(out, id, special);
  return out;
}

std::string SpmTokenizer::decode(std::span<const TokenId> ids, bool special) const {
  std::string out;
  for (const TokenId id : ids) append_piece(out, id, special);
  if (options_.add_space_prefix && !out.empty() && out.front() == ' ') out.erase(0, 1);
  return out;
}

}  // namespace zenith::models
