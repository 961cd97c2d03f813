#include "tokenizer/byte_bpe.hpp"

#include "tokenizer/bpe_merge.hpp"
#include "tokenizer/byte_level.hpp"

namespace zenith::models {
namespace {

constexpr std::size_t kSlice = std::size_t{1} << 30;  // CodeText counts in 32 bits

}  // namespace

ByteBpeTokenizer::ByteBpeTokenizer(Vocabulary v, const ByteBpeOptions& options)
    : VocabularyTokenizer(std::move(v)), options_(options), words_(vocab_size()), whole_(vocab_size()) {
  bytes_.reserve(vocab_size());
  for (std::size_t i = 0; i < vocab_size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const bool spelt = kind(id) == TokenKind::normal || kind(id) == TokenKind::unused || kind(id) == TokenKind::byte;
    std::optional<std::string> bytes = spelt ? spelt_bytes(text(id)) : std::nullopt;
    bytes_.push_back(bytes ? *std::move(bytes) : std::string{text(id)});
  }
  for (std::size_t i = 0; i < vocab_size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (kind(id) == TokenKind::normal) words_.insert(bytes_[i], id);
  }
  for (unsigned b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    const TokenId id = vocabulary().find(spell({&byte, 1}));
    byte_ids_[b] = vocabulary().hidden(id) ? -1 : id;
  }
}

Expected<std::unique_ptr<Tokenizer>> ByteBpeTokenizer::make(Vocabulary vocabulary, const std::vector<MergeRule>& merges,
                                                            const ByteBpeOptions& options, std::string_view key) {
  std::unique_ptr<ByteBpeTokenizer> made{new ByteBpeTokenizer(std::move(vocabulary), options)};
  if (Status added = made->add_merges(merges, key); !added) return tl::make_unexpected(std::move(added.error()));
  return made;
}

Status ByteBpeTokenizer::add_merges(const std::vector<MergeRule>& merges, std::string_view key) {
  merges_ = MergeTable(merges.size());
  std::string joined;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const MergeRule& rule = merges[rank];
    joined.assign(rule.left).append(rule.right);
    const TokenId left = vocabulary().find(rule.left), right = vocabulary().find(rule.right),
                  merged = vocabulary().find(joined);
    if (left < 0 || right < 0 || merged < 0) {
      const std::string_view missing = left < 0 ? rule.left : right < 0 ? rule.right : std::string_view{joined};
      return fail(Errc::bad_file,
                  "key '" + std::string{key} + "': merge " + std::to_string(rank) + " names '" +
                      std::string{missing.substr(0, 64)} + "', which is no token",
                  std::string{key});
    }
    if (!vocabulary().hidden(merged)) merges_.insert(left, right, {static_cast<std::uint32_t>(rank), merged});
  }
  return {};
}

std::vector<TokenId> ByteBpeTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  std::vector<Fragment> fragments;
  vocabulary().specials().partition(text, options, fragments);
  if (options.add_special && options_.add_bos && bos() >= 0) ids.push_back(bos());
  for (const Fragment& fragment : fragments) {
    if (fragment.id >= 0) {
      ids.push_back(fragment.id);
    } else {
      for (std::size_t at = 0; at < fragment.text.size(); at += kSlice)
        encode_text(fragment.text.substr(at, kSlice), ids);
    }
  }
  if (options.add_special && options_.add_eos && eos() >= 0) ids.push_back(eos());
  return ids;
}

void ByteBpeTokenizer::encode_text(std::string_view text, std::vector<TokenId>& out) const {
  const CodeText code{text};
  std::vector<Piece> pieces, scratch;
  split(*options_.pre.family, code, pieces, scratch);
  BpeMerger merger{merges_};
  std::vector<TokenId> symbols;
  for (const Piece piece : pieces) {
    const std::string_view word = code.bytes(piece);
    const TokenId id = words_.find(word);
    std::atomic<std::uint8_t>* state = id >= 0 ? &whole_[static_cast<std::size_t>(id)] : nullptr;
    if (state != nullptr && (options_.pre.ignore_merges || state->load(std::memory_order_relaxed) == whole)) {
      out.push_back(id);
      continue;
    }
    symbols.clear();
    for (const char b : word) {
      if (const TokenId symbol = byte_ids_[static_cast<unsigned char>(b)]; symbol >= 0) symbols.push_back(symbol);
    }
    const std::size_t before = out.size();
    merger.merge(symbols, out);
    if (state != nullptr && state->load(std::memory_order_relaxed) == unknown) {
      state->store(out.size() == before + 1 && out.back() == id ? whole : parts, std::memory_order_relaxed);
    }
  }
}

void ByteBpeTokenizer::append_piece(std::string& out, TokenId id, bool special) const {
  if (vocabulary().contains(id) && (special || !vocabulary().hidden(id))) out += bytes_[static_cast<std::size_t>(id)];
}

std::string ByteBpeTokenizer::piece(TokenId id, bool special) const {
  std::string out;
  append_piece(out, id, special);
  return out;
}

std::string ByteBpeTokenizer::decode(std::span<const TokenId> ids, bool special) const {
  std::string out;
  for (const TokenId id : ids) append_piece(out, id, special);
  return out;
}

}  // namespace zenith::models
