#include "arch/hyper.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace zenith::models {
namespace {

// Reads keys of one architecture; the first error sticks.
class Keys {
 public:
  Keys(const WeightSource& source, std::string_view architecture)
      : source_(source), prefix_(std::string{architecture} + '.') {}

  std::string name(std::string_view key) const { return prefix_ + std::string{key}; }
  bool has(std::string_view key) const { return source_.meta(name(key)) != nullptr; }

  std::size_t count(std::string_view key, std::int64_t most, std::optional<std::int64_t> fallback = {},
                    std::int64_t least = 1) {
    auto value = number_of(key, fallback);
    if (!value) {
      refuse(std::move(value.error()));
      return 1;
    }
    if (*value < least || *value > most) {
      refuse({Errc::bad_file,
              fmt::format("key '{}' is {}; {} to {} are allowed", name(key), *value, least, most),
              name(key),
              {}});
      return 1;
    }
    return static_cast<std::size_t>(*value);
  }

  double real(std::string_view key, double least, double most, std::optional<double> fallback = {}) {
    auto value = meta_number(source_, name(key), fallback);
    if (!value) {
      refuse(std::move(value.error()));
      return least;
    }
    if (!(*value >= least && *value <= most)) {
      refuse({Errc::bad_file,
              fmt::format("key '{}' is {}; {} to {} are allowed", name(key), *value, least, most),
              name(key),
              {}});
      return least;
    }
    return *value;
  }

  std::string text(std::string_view key, std::string fallback) {
    auto value = meta_string(source_, name(key), std::move(fallback));
    if (value) return *value;
    refuse(std::move(value.error()));
    return {};
  }

  void refuse(Error error) {
    if (!error_) error_ = std::move(error);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  // Some converters write one number a layer.
  Expected<std::int64_t> number_of(std::string_view key, std::optional<std::int64_t> fallback) {
    const MetaValue* value = source_.meta(name(key));
    const auto* list = value != nullptr ? std::get_if<std::vector<std::int64_t>>(value) : nullptr;
    if (list == nullptr || list->empty()) return meta_int(source_, name(key), fallback);
    if (std::ranges::all_of(*list, [&](std::int64_t v) { return v == list->front(); })) return list->front();
    return fail(Errc::unsupported,
                fmt::format("key '{}' differs from layer to layer, which no graph of ours does", name(key)), name(key));
  }

  const WeightSource& source_;
  std::string prefix_;
  std::optional<Error> error_;
};

void read_rope(Keys& keys, Hyper& h) {
  h.rope_dims = keys.count("rope.dimension_count", static_cast<std::int64_t>(h.head_dim),
                           static_cast<std::int64_t>(h.head_dim), 2);
  if (h.rope_dims % 2 != 0) {
    keys.refuse(
        {Errc::bad_file,
         fmt::format("key '{}' is {}, an even number is needed", keys.name("rope.dimension_count"), h.rope_dims),
         keys.name("rope.dimension_count"),
         {}});
  }
  h.rope_base = keys.real("rope.freq_base", 1, 1e12, 10000.0);
  const std::string scaling = keys.text("rope.scaling.type", keys.has("rope.scale_linear") ? "linear" : "none");
  if (scaling == "linear") {
    h.rope_scale =
        1 / keys.real(keys.has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear", 1e-6, 1e6, 1.0);
  } else if (scaling != "none") {
    keys.refuse(
        {Errc::unsupported,
         fmt::format("key '{}' is '{}'; 'none' and 'linear' are known", keys.name("rope.scaling.type"), scaling),
         keys.name("rope.scaling.type"),
         {}});
  }
}

void read_attention(Keys& keys, Hyper& h) {
  h.heads = keys.count("attention.head_count", 4096);
  h.kv_heads = keys.count("attention.head_count_kv", 4096, static_cast<std::int64_t>(h.heads));
  if (h.heads % h.kv_heads != 0) {
    keys.refuse({Errc::bad_file,
                 fmt::format("key '{}' is {}, which does not divide the {} heads", keys.name("attention.head_count_kv"),
                             h.kv_heads, h.heads),
                 keys.name("attention.head_count_kv"),
                 {}});
  }
  h.head_dim = keys.count("attention.key_length", 1024,
                          static_cast<std::int64_t>(std::max<std::size_t>(1, h.d_model / h.heads)));
  if (keys.count("attention.value_length", 1024, static_cast<std::int64_t>(h.head_dim)) != h.head_dim) {
    keys.refuse(
        {Errc::unsupported,
         fmt::format("key '{}' differs from the key length {}", keys.name("attention.value_length"), h.head_dim),
         keys.name("attention.value_length"),
         {}});
  }
  if (h.head_dim % 2 != 0) {
    keys.refuse({Errc::unsupported,
                 fmt::format("heads of {} elements are odd in number", h.head_dim),
                 keys.name("attention.key_length"),
                 {}});
  }
  h.attention_scale = static_cast<float>(keys.real("attention.scale", 0, 1e6, 0.0));
  if (h.attention_scale == 0) h.attention_scale = 1.0F / std::sqrt(static_cast<float>(h.head_dim));
}

}  // namespace

Expected<Hyper> read_hyper(const WeightSource& source, std::string_view architecture) {
  Keys keys{source, architecture};
  Hyper h;
  h.architecture = architecture;
  h.layers = keys.count("block_count", 1024);
  h.d_model = keys.count("embedding_length", 1 << 20);
  h.ffn = keys.count("feed_forward_length", 1 << 22);
  h.context = keys.count("context_length", std::int64_t{1} << 30);
  h.norm_eps = static_cast<float>(keys.real(
      keys.has("attention.layer_norm_epsilon") ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
      1e-15, 1));
  read_attention(keys, h);
  read_rope(keys, h);
  if (keys.has("expert_count") && keys.count("expert_count", 1 << 20, 0, 0) > 0) {
    keys.refuse({Errc::unsupported,
                 fmt::format("key '{}' asks for experts, which are not served yet", keys.name("expert_count")),
                 keys.name("expert_count"),
                 {}});
  }
  if (const TensorView* embeddings = source.find("token_embd.weight");
      embeddings != nullptr && embeddings->shape.size() == 2) {
    h.vocab = static_cast<std::size_t>(std::min<std::uint64_t>(embeddings->shape[0], std::uint64_t{1} << 31));
  }
  if (keys.error()) return tl::make_unexpected(*keys.error());
  return h;
}

Expected<ModelInfo> describe(const WeightSource& source, const Hyper& h, const LoadOptions& options) {
  if (options.context > h.context) {
    return fail(Errc::invalid_argument,
                fmt::format("a context of {} was asked for, the model was trained for {}", options.context, h.context),
                "context");
  }
  ModelInfo info;
  info.architecture = h.architecture;
  info.name = meta_string(source, "general.name", "").value_or("");
  info.license = meta_string(source, "general.license", "").value_or("");
  info.layers = h.layers;
  info.d_model = h.d_model;
  info.vocab = h.vocab;
  info.context = options.context != 0 ? options.context : h.context;
  info.kv = {h.layers, h.kv_heads, h.head_dim, options.numerics == kernels::Numerics::exact ? DType::f32 : DType::f16};
  info.generation = source.generation();
  info.weight_bytes = source.file_bytes();
  return info;
}

}  // namespace zenith::models
