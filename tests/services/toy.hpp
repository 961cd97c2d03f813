// A toy model for tests of everything around the forward pass: bytes as tokens, and a next token that is a hash of all
// tokens before it, read back through KV pages and block tables: a wrong slot, page or order shows as another text.
#pragma once

#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "zenith/models/engine/model.hpp"

namespace zenith::services::toy {

inline constexpr TokenId kBos = 256, kEos = 257, kThink = 258, kThinkEnd = 259, kVocab = 260;
inline constexpr TokenId kPoison = 255;  ///< a byte that no UTF-8 text has: a pass with it fails

class ToyTokenizer final : public models::Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, const models::EncodeOptions& options) const override {
    std::vector<TokenId> out;
    if (options.add_special) out.push_back(kBos);
    for (const char c : text) out.push_back(static_cast<unsigned char>(c));
    return out;
  }
  std::string piece(TokenId id, bool special) const override {
    if (id < 256) return std::string(1, static_cast<char>(id));
    return special ? std::string{text(id)} : std::string{};
  }
  std::string decode(std::span<const TokenId> ids, bool special) const override {
    std::string out;
    for (const TokenId id : ids) out += piece(id, special);
    return out;
  }
  std::size_t vocab_size() const noexcept override { return kVocab; }
  models::TokenKind kind(TokenId id) const noexcept override {
    return id < 256 ? models::TokenKind::normal : models::TokenKind::control;
  }
  std::string_view text(TokenId id) const noexcept override {
    static const std::string names[] = {"<bos>", "<eos>", "<think>", "</think>"};
    return id >= 256 && id < kVocab ? std::string_view{names[id - 256]} : std::string_view{};
  }
  TokenId bos() const noexcept override { return kBos; }
  TokenId eos() const noexcept override { return kEos; }
  bool adds_bos() const noexcept override { return true; }
  std::span<const TokenId> end_of_generation() const noexcept override {
    static const TokenId ends[] = {kEos};
    return ends;
  }
};

/// What the model says after `history`: letters, a space now and then; after a prompt that holds "script:TEXT|", TEXT
/// and then the end.
inline TokenId next_token(const std::vector<TokenId>& history) {
  std::string text;
  for (const TokenId t : history) text += t < 256 ? static_cast<char>(t) : '\0';
  if (const auto at = text.find("script:"); at != std::string::npos) {
    const auto bar = text.find('|', at);
    const std::string script = text.substr(at + 7, bar - at - 7);
    const std::size_t said = text.size() - bar - 1;
    return said < script.size() ? static_cast<unsigned char>(script[said]) : kEos;
  }
  std::uint64_t h = 0xcbf29ce484222325ull;
  for (const TokenId t : history) h = (h ^ static_cast<std::uint64_t>(t)) * 0x100000001b3ull;
  h ^= h >> 29;
  return h % 7 == 0 ? ' ' : static_cast<TokenId>('a' + h % 26);
}

class ToyModel final : public models::Model {
 public:
  explicit ToyModel(std::size_t context) {
    info_.architecture = "toy";
    info_.name = "toy";
    info_.layers = 1;
    info_.d_model = 4;
    info_.vocab = kVocab;
    info_.context = context;
    info_.kv = {1, 1, 1, DType::f32};
  }
  const models::ModelInfo& info() const noexcept override { return info_; }

  Expected<models::Step> run(kernels::Exec&, models::Batch& batch) override {
    ++passes;
    rows += batch.rows.size();
    widest = std::max(widest, batch.rows.size());
    std::size_t wanted = 0;
    for (const models::Row& row : batch.rows) {
      if (row.token == kPoison) return fail(Errc::internal, "NaN in row 0", "rows");
      const models::BlockTable& table = *batch.sequences[row.sequence];
      *slot(table, row.slot) = static_cast<float>(row.token);
      if (!row.want_logits) continue;
      std::vector<TokenId> history;
      for (std::uint32_t s = 0; s <= row.slot; ++s) history.push_back(static_cast<TokenId>(*slot(table, s)));
      const auto logits = batch.logits[wanted++];
      std::fill(logits.begin(), logits.end(), 0.0F);
      logits[next_token(history)] = 12.0F;
    }
    return models::Step{models::Done{}};
  }

  std::size_t passes = 0, rows = 0, widest = 0;

 private:
  static float* slot(const models::BlockTable& table, std::uint32_t slot) {
    const auto layer = table.pool().layer(0);
    std::byte* base = layer.k + table.pages()[slot / 64] * layer.page_stride_bytes;
    return reinterpret_cast<float*>(base) + slot % 64;
  }
  models::ModelInfo info_;
};

inline models::LoadedModel load(std::size_t context = 512, const char* chat_template = nullptr) {
  models::LoadedModel out;
  out.model = std::make_unique<ToyModel>(context);
  out.tokenizer = std::make_unique<ToyTokenizer>();
  if (chat_template != nullptr) {
    auto compiled = models::ChatTemplate::compile(chat_template);
    if (!compiled) throw std::runtime_error(compiled.error().message);
    out.chat_template = std::move(*compiled);
  }
  return out;
}

/// The greedy text after `prompt`, by hand.
inline std::string expected_text(const std::string& prompt, std::size_t tokens) {
  auto history = ToyTokenizer{}.encode(prompt, {.add_special = true});
  std::string out;
  for (std::size_t i = 0; i < tokens; ++i) {
    const TokenId next = next_token(history);
    if (next == kEos) break;
    out += static_cast<char>(next);
    history.push_back(next);
  }
  return out;
}

}  // namespace zenith::services::toy
