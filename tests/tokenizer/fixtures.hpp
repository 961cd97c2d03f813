// A vocabulary in memory, the goldens, and the real models' files.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "zenith/models/tokenizer/tokenizer.hpp"

namespace zenith::models::testing {

/// Metadata without tensors.
class FakeSource final : public WeightSource {
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

/// $ZENITH_HOME/models (default ~/.cache/zenith/models) / relative. The test fails if it is missing, naming `zenith
/// pull`.
std::filesystem::path model_file(const std::string& relative);

/// tests/data/tokenizer/<name>.json
const nlohmann::json& data(const std::string& name);

/// CRC-32 over ids as little-endian int32, in hex: what the goldens keep of long lists.
std::string crc_of(const std::vector<TokenId>& ids);

/// SmolLM2's metadata, copied out of its file, so that a test may change it.
FakeSource smollm_metadata();

/// A small byte-level vocabulary: all 256 bytes, then `merges` ("a b") in order, then `specials` with their kinds.
FakeSource small_byte_level(const std::vector<std::string>& merges,
                            const std::vector<std::pair<std::string, int>>& specials);

}  // namespace zenith::models::testing
