#include "fixtures.hpp"

#include <gtest/gtest.h>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "zenith/core/utf8.hpp"
#include "zenith/models/weights/gguf.hpp"

namespace zenith::models::testing {

std::filesystem::path model_file(const std::string& relative) {
  const char* home = std::getenv("ZENITH_HOME");
  const char* user = std::getenv("HOME");
  const std::filesystem::path root = home != nullptr
                                         ? std::filesystem::path{home}
                                         : std::filesystem::path{user != nullptr ? user : "/root"} / ".cache/zenith";
  std::filesystem::path path = root / "models" / relative;
  if (!std::filesystem::exists(path)) {
    const std::string name = relative.substr(0, relative.find('/'));
    throw std::runtime_error(path.string() + " is missing: run `zenith pull " + name + "`");
  }
  return path;
}

const nlohmann::json& data(const std::string& name) {
  static std::map<std::string, nlohmann::json> cache;
  const auto [it, fresh] = cache.try_emplace(name);
  if (fresh) {
    std::ifstream file{std::string{ZENITH_TEST_DATA} + "/tokenizer/" + name + ".json"};
    it->second = nlohmann::json::parse(file);
  }
  return it->second;
}

std::string crc_of(const std::vector<TokenId>& ids) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const TokenId id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      crc ^= (static_cast<std::uint32_t>(id) >> shift) & 0xFF;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
    }
  }
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08x", ~crc);
  return hex;
}

FakeSource smollm_metadata() {
  static const FakeSource copy = [] {
    const auto source = open_gguf(model_file("smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf"));
    if (!source) throw std::runtime_error(source.error().message);
    FakeSource fake;
    for (const char* key : {"model", "pre", "tokens", "token_type", "merges", "bos_token_id", "eos_token_id",
                            "unknown_token_id", "add_bos_token"}) {
      const std::string name = std::string{"tokenizer.ggml."} + key;
      const MetaValue* value = (*source)->meta(name);
      if (value == nullptr) throw std::runtime_error(name + " is missing");
      fake.values[name] = *value;
    }
    return fake;
  }();
  return copy;
}

FakeSource small_byte_level(const std::vector<std::string>& merges,
                            const std::vector<std::pair<std::string, int>>& specials) {
  std::vector<std::string> tokens;
  char32_t next = 256;
  for (unsigned b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    utf8_append(tokens.emplace_back(), printable ? b : next++);
  }
  std::vector<std::int64_t> types(256, 1);
  for (const std::string& merge : merges) {
    const std::size_t space = merge.find(' ');
    tokens.push_back(merge.substr(0, space) + merge.substr(space + 1));
    types.push_back(1);
  }
  for (const auto& [text, type] : specials) {
    tokens.push_back(text);
    types.push_back(type);
  }
  FakeSource source;
  source.values["tokenizer.ggml.model"] = std::string{"gpt2"};
  source.values["tokenizer.ggml.pre"] = std::string{"gpt-2"};
  source.values["tokenizer.ggml.tokens"] = tokens;
  source.values["tokenizer.ggml.token_type"] = types;
  source.values["tokenizer.ggml.merges"] = merges;
  return source;
}

}  // namespace zenith::models::testing
