#include "engine/bert_folder.hpp"

#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weights/safetensors_header.hpp"
#include "weights/stored_source.hpp"

namespace zenith::models {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMostConfigBytes = 1 << 20;
constexpr int kMostConfigDepth = 16;

// config.json's fields and what the graphs read.
struct IntegerField {
  const char* field;
  const char* key;
};
constexpr IntegerField kIntegers[] = {
    {"num_hidden_layers", "bert.block_count"},
    {"hidden_size", "bert.embedding_length"},
    {"num_attention_heads", "bert.attention.head_count"},
    {"intermediate_size", "bert.feed_forward_length"},
    {"max_position_embeddings", "bert.context_length"},
    {"vocab_size", "bert.vocab_size"},
};

struct Config {
  std::string file;
  Json json;

  tl::unexpected<Error> refuse(Errc code, const std::string& field, std::string_view what) const {
    return fail(code, fmt::format("{}: field '{}' {}", file, field, what), field);
  }
  /// The string of a field, or `fallback` when it is absent; "" for other types.
  std::string text(const char* field, const char* fallback) const {
    const auto it = json.find(field);
    return it == json.end() ? fallback : it->is_string() ? it->get<std::string>() : std::string{};
  }
};

Expected<Config> read_config(const std::filesystem::path& path) {
  auto text = read_text_file(path, kMostConfigBytes);
  if (!text) return tl::make_unexpected(std::move(text.error()));
  bool too_deep = false;
  const auto limit = [&](int depth, Json::parse_event_t, Json&) { return !(too_deep |= depth > kMostConfigDepth); };
  Json json = Json::parse(*text, limit, false);
  if (json.is_discarded() || !json.is_object() || too_deep) {
    return fail(Errc::bad_file,
                fmt::format("{} is no JSON object of depth {} at most", path.string(), kMostConfigDepth),
                path.string());
  }
  return Config{path.filename().string(), std::move(json)};
}

Expected<std::string> pooling_of(const std::filesystem::path& folder, std::string& folded) {
  const std::filesystem::path path = folder / "1_Pooling" / "config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return "mean";
  auto config = read_config(path);
  if (!config) return tl::make_unexpected(std::move(config.error()));
  folded += config->json.dump();
  std::string mode;
  for (const auto& [field, value] : config->json.items()) {
    if (!field.starts_with("pooling_mode_") || !value.is_boolean() || !value.get<bool>()) continue;
    if (!mode.empty()) return config->refuse(Errc::unsupported, field, "asks for a second kind of pooling");
    mode = field == "pooling_mode_mean_tokens" ? "mean" : field == "pooling_mode_cls_token" ? "cls" : field;
  }
  if (mode == "mean" || mode == "cls") return mode;
  return config->refuse(Errc::unsupported, mode.empty() ? "pooling_mode_mean_tokens" : mode,
                        "is not served; mean and cls are");
}

Status annotate(const Config& config, StoredSource& source) {
  if (config.text("model_type", "bert") != "bert")
    return config.refuse(Errc::unsupported, "model_type",
                         fmt::format("is {}; 'bert' is known", printable(config.text("model_type", ""))));
  if (config.text("hidden_act", "gelu") != "gelu")
    return config.refuse(Errc::unsupported, "hidden_act", "is not 'gelu'");
  if (config.text("position_embedding_type", "absolute") != "absolute")
    return config.refuse(Errc::unsupported, "position_embedding_type", "is not 'absolute'");
  for (const IntegerField& row : kIntegers) {
    const auto it = config.json.find(row.field);
    if (it == config.json.end() || !it->is_number_integer() ||
        (it->is_number_unsigned() && it->get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max())) {
      return config.refuse(Errc::bad_file, row.field, "is missing or no integer of ours");
    }
    source.add_meta(row.key, it->get<std::int64_t>());
  }
  const auto eps = config.json.find("layer_norm_eps");
  if (eps != config.json.end() && !eps->is_number())
    return config.refuse(Errc::bad_file, "layer_norm_eps", "is no number");
  source.add_meta("bert.attention.layer_norm_epsilon", eps == config.json.end() ? 1e-12 : eps->get<double>());
  source.add_meta("general.architecture", std::string{"bert"});
  return {};
}

}  // namespace

Expected<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t most) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::io, fmt::format("cannot open '{}'", path.string()), path.string());
  std::string text;
  char buffer[16384];
  while (file.read(buffer, sizeof buffer), file.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(file.gcount()));
    if (text.size() > most)
      return fail(Errc::bad_file, fmt::format("'{}' is larger than {} bytes", path.string(), most), path.string());
  }
  if (file.bad()) return fail(Errc::io, fmt::format("cannot read '{}'", path.string()), path.string());
  return text;
}

Expected<std::unique_ptr<WeightSource>> open_bert_folder(const std::filesystem::path& folder) {
  auto config = read_config(folder / "config.json");
  if (!config) return tl::make_unexpected(std::move(config.error()));
  std::string folded = config->json.dump();
  auto pooling = pooling_of(folder, folded);
  if (!pooling) return tl::make_unexpected(std::move(pooling.error()));
  auto source = open_safetensors_source(folder / "model.safetensors");
  if (!source) return tl::make_unexpected(std::move(source.error()));
  if (auto ok = annotate(*config, **source); !ok) return tl::make_unexpected(std::move(ok.error()));
  (*source)->add_meta("bert.pooling", *pooling);
  (*source)->add_meta("general.name", folder.filename().string());
  (*source)->fold_into_generation(folded);
  return std::unique_ptr<WeightSource>{std::move(*source)};
}

}  // namespace zenith::models
