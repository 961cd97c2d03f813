// The first byte picks: text into one of three tokenizers, a tokenizer.json, or a GGUF file's metadata.
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>
#include <string>

#include "zenith/models/tokenizer/tokenizer.hpp"
#include "zenith/models/weights/gguf.hpp"

namespace {

using namespace zenith;
using namespace zenith::models;

class Metadata final : public WeightSource {
 public:
  std::map<std::string, MetaValue, std::less<>> values;
  std::string_view format() const noexcept override { return "gguf"; }
  const TensorView* find(std::string_view) const noexcept override { return nullptr; }
  std::vector<std::string_view> tensor_names() const override { return {}; }
  const MetaValue* meta(std::string_view key) const noexcept override {
    const auto it = values.find(key);
    return it == values.end() ? nullptr : &it->second;
  }
  Generation generation() const noexcept override { return Generation{1}; }
  std::uint64_t file_bytes() const noexcept override { return 0; }
};

void must(bool holds) {
  if (!holds) std::abort();
}

std::unique_ptr<Tokenizer> make(const char* model, const char* pre) {
  Metadata source;
  std::vector<std::string> tokens;
  std::vector<std::int64_t> types;
  const bool bytes = std::string{model} == "llama";
  char32_t next = 256;
  for (unsigned b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    const char32_t cp = printable ? b : next++;
    const char hex[] = "0123456789ABCDEF";
    std::string spelt;
    if (cp < 0x80) {
      spelt = static_cast<char>(cp);
    } else {
      spelt = {static_cast<char>(0xC0 | (cp >> 6)), static_cast<char>(0x80 | (cp & 0x3F))};
    }
    tokens.push_back(bytes ? std::string{"<0x"} + hex[b >> 4] + hex[b & 15] + ">" : spelt);
    types.push_back(bytes ? 6 : 1);
  }
  const std::vector<std::string> merges{"a b", "ab a", "b a", "aba ba"};
  for (const char* word : {"ab", "aba", "ba", "ababa"}) {
    tokens.push_back(word);
    types.push_back(1);
  }
  for (const char* word : {"<|x|>", "<|", "\n\n"}) {
    tokens.push_back(word);
    types.push_back(word[0] == '\n' ? 4 : 3);
  }
  if (bytes) {  // a space is spelt by its own token: bytes are never read as one
    tokens.push_back("\xE2\x96\x81");
    types.push_back(1);
  }
  tokens.push_back("[UNK]");
  types.push_back(2);
  source.values["tokenizer.ggml.model"] = std::string{model};
  source.values["tokenizer.ggml.pre"] = std::string{pre};
  source.values["tokenizer.ggml.scores"] = std::vector<double>(tokens.size(), -1.0);
  source.values["tokenizer.ggml.unknown_token_id"] = static_cast<std::int64_t>(tokens.size() - 1);
  source.values["tokenizer.ggml.add_space_prefix"] = false;
  source.values["tokenizer.ggml.add_bos_token"] = false;  // what is decoded must be what was encoded
  source.values["tokenizer.ggml.tokens"] = std::move(tokens);
  source.values["tokenizer.ggml.token_type"] = std::move(types);
  source.values["tokenizer.ggml.merges"] = merges;
  auto made = tokenizer_from_gguf(source);
  must(made.has_value());
  return *std::move(made);
}

void encode(const Tokenizer& tokenizer, std::string_view text, bool lossless) {
  const TextRange all{0, text.size()};
  const auto ids = tokenizer.encode(text, {.add_special = true, .parse_special = true, .untrusted = {&all, 1}});
  for (const TokenId id : ids) must(tokenizer.kind(id) != TokenKind::control);
  const std::string back = tokenizer.decode(ids, true);
  must(!lossless || back == text);
  (void)tokenizer.encode(text, {.parse_special = true});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  static const char* const kPre[] = {"gpt-2",        "smollm",         "llama3", "qwen2",  "qwen35", "deepseek-v3",
                                     "deepseek-llm", "deepseek-coder", "gpt-4o", "tekken", "falcon", "default"};
  static const std::vector<std::unique_ptr<Tokenizer>> byte_level = [] {
    std::vector<std::unique_ptr<Tokenizer>> list;
    for (const char* pre : kPre) list.push_back(make("gpt2", pre));
    return list;
  }();
  static const auto spm = make("llama", ""), bert = make("bert", "");
  const std::uint8_t pick = data[0];
  if (pick < byte_level.size()) {
    encode(*byte_level[pick], text, true);
  } else if (pick == 12) {
    encode(*spm, text, text.find("\xE2\x96\x81") == std::string_view::npos);
  } else if (pick == 13) {
    encode(*bert, text, false);
  } else if (pick == 14) {
    if (const auto made = tokenizer_from_json(text)) encode(**made, text, false);
  } else {
    const auto source = parse_gguf(std::as_bytes(std::span{text}));
    if (!source) return 0;
    if (const auto made = tokenizer_from_gguf(**source)) encode(**made, text, false);
  }
  return 0;
}
