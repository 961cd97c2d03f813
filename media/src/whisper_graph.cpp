#include "whisper_graph.hpp"

#include <fmt/format.h>

#include <cmath>
#include <openvino/opsets/opset13.hpp>
#include <string>

#include "mel.hpp"

namespace zenith::media {
namespace {

namespace op = ov::opset13;
using Value = ov::Output<ov::Node>;

constexpr std::size_t kEncoded = kMelFrames / 2;
const ov::Dimension kSeen(1, kEncoded);  // places of a window
constexpr float kEpsilon = 1e-5F;

/// Raised inside the builder, where every line may find an array missing; caught at its edge.
struct Missing {
  Error error;
};

class Builder {
 public:
  Builder(const Ct2Model& model, const WhisperSizes& sizes) : model_(model), sizes_(sizes) {}

  Value weights(const std::string& name, const std::vector<std::size_t>& shape) const {
    auto values = model_.floats(name, shape);
    if (!values) throw Missing{std::move(values.error())};
    return op::Constant::create(ov::element::f32, ov::Shape(shape.begin(), shape.end()), *values)->output(0);
  }
  static Value ints(const std::vector<std::int64_t>& values) {
    return op::Constant::create(ov::element::i64, {values.size()}, values)->output(0);
  }
  static Value reshape(const Value& x, const std::vector<std::int64_t>& shape) {
    return std::make_shared<op::Reshape>(x, ints(shape), true)->output(0);
  }
  static Value transpose(const Value& x, const std::vector<std::int64_t>& order) {
    return std::make_shared<op::Transpose>(x, ints(order))->output(0);
  }
  static Value add(const Value& a, const Value& b) { return std::make_shared<op::Add>(a, b)->output(0); }
  static Value gelu(const Value& x) {
    return std::make_shared<op::Gelu>(x, ov::op::GeluApproximationMode::ERF)->output(0);
  }

  Value linear(const Value& x, const std::string& name, std::size_t out, std::size_t in) const {
    const auto product = std::make_shared<op::MatMul>(x, weights(name + "/weight", {out, in}), false, true);
    return add(product, weights(name + "/bias", {out}));
  }
  Value norm(const Value& x, const std::string& name) const {
    const auto centred = std::make_shared<op::MVN>(x, ints({-1}), true, kEpsilon, ov::op::MVNEpsMode::INSIDE_SQRT);
    const auto scaled = std::make_shared<op::Multiply>(centred, weights(name + "/gamma", {sizes_.state}));
    return add(scaled, weights(name + "/beta", {sizes_.state}));
  }
  Value convolution(const Value& x, const std::string& name, std::size_t in, std::size_t stride) const {
    const auto filtered =
        std::make_shared<op::Convolution>(x, weights(name + "/weight", {sizes_.state, in, 3}), ov::Strides{stride},
                                          ov::CoordinateDiff{1}, ov::CoordinateDiff{1}, ov::Strides{1});
    return gelu(add(filtered, reshape(weights(name + "/bias", {sizes_.state}), {1, -1, 1})));
  }
  /// [1, n, parts · state] → parts of [1, heads, n, state / heads].
  std::vector<Value> heads(const Value& x, std::int64_t parts) const {
    const auto h = static_cast<std::int64_t>(sizes_.heads), d = static_cast<std::int64_t>(sizes_.state) / h;
    const auto split = transpose(reshape(x, {0, 0, parts, h, d}), {2, 0, 3, 1, 4});
    const auto cut = std::make_shared<op::Split>(split, op::Constant::create(ov::element::i64, {}, {0}),
                                                 static_cast<std::size_t>(parts));
    std::vector<Value> out;
    for (std::size_t i = 0; i < static_cast<std::size_t>(parts); ++i)
      out.push_back(std::make_shared<op::Squeeze>(cut->output(i), ints({0}))->output(0));
    return out;
  }
  Value joined(const Value& x) const {
    return reshape(transpose(x, {0, 2, 1, 3}), {0, 0, static_cast<std::int64_t>(sizes_.state)});
  }
  /// softmax(asks · key / sqrt(width) + mask) · value, with the key as it is multiplied: [1, heads, width, n]. Written
  /// out, for OpenVINO's one node transposes keys and values of the whole window at every token.
  Value attention(const Value& asks, const Value& key, const Value& value, const Value& mask = {}) const {
    const float scale = 1 / std::sqrt(static_cast<float>(sizes_.state / sizes_.heads));
    const auto scaled = std::make_shared<op::Multiply>(asks, op::Constant::create(ov::element::f32, {}, {scale}));
    Value scores = std::make_shared<op::MatMul>(scaled, key, false, false)->output(0);
    if (mask.get_node() != nullptr) scores = add(scores, mask);
    return std::make_shared<op::MatMul>(std::make_shared<op::Softmax>(scores, 3), value, false, false)->output(0);
  }
  Value feed_forward(const Value& x, const std::string& layer) const {
    const auto inner =
        linear(norm(x, layer + "/ffn/layer_norm"), layer + "/ffn/linear_0", 4 * sizes_.state, sizes_.state);
    return add(x, linear(gelu(inner), layer + "/ffn/linear_1", sizes_.state, 4 * sizes_.state));
  }

 private:
  const Ct2Model& model_;
  const WhisperSizes& sizes_;
};

std::shared_ptr<op::Parameter> input(const char* name, ov::element::Type type, const ov::PartialShape& shape) {
  auto parameter = std::make_shared<op::Parameter>(type, shape);
  parameter->set_friendly_name(name);
  parameter->output(0).set_names({name});
  return parameter;
}

std::shared_ptr<op::Result> output(const std::string& name, const Value& value) {
  auto result = std::make_shared<op::Result>(value);
  result->set_friendly_name(name);
  result->output(0).set_names({name});
  return result;
}

std::shared_ptr<ov::Model> build_encoder(const Ct2Model& model, const WhisperSizes& sizes) {
  const Builder b(model, sizes);
  const auto mel = input("mel", ov::element::f32, {1, kMelBands, ov::Dimension(2, kMelFrames)});
  Value x = b.convolution(b.convolution(mel, "encoder/conv1", kMelBands, 1), "encoder/conv2", sizes.state, 2);
  const auto places = input("places", ov::element::i64, {kSeen});
  const auto weights = input("weights", ov::element::f32, {1, 1, 1, kSeen});
  const auto positions = b.weights("encoder/position_encodings/encodings", {kEncoded, sizes.state});
  const auto rows = op::Constant::create(ov::element::i64, {}, {0});
  x = b.add(b.transpose(x, {0, 2, 1}), std::make_shared<op::Gather>(positions, places, rows));
  for (std::size_t i = 0; i < sizes.encoder_layers; ++i) {
    const std::string layer = fmt::format("encoder/layer_{}", i), attention = layer + "/self_attention";
    const auto qkv = b.heads(
        b.linear(b.norm(x, attention + "/layer_norm"), attention + "/linear_0", 3 * sizes.state, sizes.state), 3);
    const auto seen = std::make_shared<op::ScaledDotProductAttention>(qkv[0], qkv[1], qkv[2], weights, false);
    x = b.add(x, b.linear(b.joined(seen), attention + "/linear_1", sizes.state, sizes.state));
    x = b.feed_forward(x, layer);
  }
  x = b.norm(x, "encoder/layer_norm");
  ov::ResultVector results{output("encoded", x)};
  for (std::size_t i = 0; i < sizes.decoder_layers; ++i) {
    const auto kv =
        b.heads(b.linear(x, fmt::format("decoder/layer_{}/attention/linear_1", i), 2 * sizes.state, sizes.state), 2);
    results.push_back(output(fmt::format("key.{}", i), b.transpose(kv[0], {0, 1, 3, 2})));
    results.push_back(output(fmt::format("value.{}", i), kv[1]));
  }
  return std::make_shared<ov::Model>(results, ov::ParameterVector{mel, places, weights}, "whisper-encoder");
}

/// f32 [t, position + t]: 0 where a token may look, -inf at those behind it.
Value causal_mask(const Value& tokens, const Value& position) {
  const auto zero = op::Constant::create(ov::element::i64, {}, {0}),
             one = op::Constant::create(ov::element::i64, {}, {1});
  const auto shape = std::make_shared<op::ShapeOf>(tokens, ov::element::i64);
  const auto count = std::make_shared<op::Gather>(shape, one, zero);
  const auto first = std::make_shared<op::Squeeze>(position, Builder::ints({0}));
  const auto end = std::make_shared<op::Add>(first, count);
  const auto asks = std::make_shared<op::Unsqueeze>(std::make_shared<op::Range>(first, end, one, ov::element::i64),
                                                    Builder::ints({1}));
  const auto has = std::make_shared<op::Range>(zero, end, one, ov::element::i64);
  const auto hidden = std::make_shared<op::Greater>(has, asks);
  return std::make_shared<op::Select>(hidden, op::Constant::create(ov::element::f32, {}, {-INFINITY}),
                                      op::Constant::create(ov::element::f32, {}, {0.0F}))
      ->output(0);
}

std::shared_ptr<ov::Model> build_decoder(const Ct2Model& model, const WhisperSizes& sizes) {
  const Builder b(model, sizes);
  const auto width = static_cast<std::int64_t>(sizes.state / sizes.heads), h = static_cast<std::int64_t>(sizes.heads);
  const auto weights = input("weights", ov::element::f32, {1, 1, 1, kSeen});
  const auto tokens = input("tokens", ov::element::i64, {1, -1});
  const auto position = input("position", ov::element::i64, {1});
  const auto rows = input("rows", ov::element::i64, {-1});
  ov::ParameterVector inputs{tokens, position, rows, weights};
  ov::ResultVector results;
  const auto axis = [](std::int64_t at) { return op::Constant::create(ov::element::i64, {}, {at}); };
  const Value embeddings = b.weights("decoder/embeddings/weight", {sizes.vocabulary, sizes.state});
  const Value mask = causal_mask(tokens, position);
  const auto count = std::make_shared<op::Gather>(std::make_shared<op::ShapeOf>(tokens, ov::element::i64),
                                                  Builder::ints({1}), axis(0));
  const auto places =
      std::make_shared<op::Slice>(b.weights("decoder/position_encodings/encodings", {sizes.context, sizes.state}),
                                  position, std::make_shared<op::Add>(position, count), b.ints({1}), b.ints({0}));
  Value x = b.add(std::make_shared<op::Gather>(embeddings, tokens, axis(0)), places);
  for (std::size_t i = 0; i < sizes.decoder_layers; ++i) {
    const std::string layer = fmt::format("decoder/layer_{}", i), own = layer + "/self_attention",
                      other = layer + "/attention";
    const auto past = input(fmt::format("past.{}", i).c_str(), ov::element::f32, {2, h, -1, width});
    const auto key = input(fmt::format("key.{}", i).c_str(), ov::element::f32, {1, h, width, kSeen});
    const auto value = input(fmt::format("value.{}", i).c_str(), ov::element::f32, {1, h, kSeen, width});
    inputs.insert(inputs.end(), {past, key, value});
    const auto qkv =
        b.heads(b.linear(b.norm(x, own + "/layer_norm"), own + "/linear_0", 3 * sizes.state, sizes.state), 3);
    const auto now = std::make_shared<op::Concat>(ov::OutputVector{qkv[1], qkv[2]}, 0);
    const auto all = std::make_shared<op::Concat>(ov::OutputVector{past, now}, 2);
    results.push_back(output(fmt::format("present.{}", i), all));
    const auto kv = std::make_shared<op::Split>(all, axis(0), 2);
    const auto seen =
        std::make_shared<op::ScaledDotProductAttention>(qkv[0], kv->output(0), kv->output(1), mask, false);
    x = b.add(x, b.linear(b.joined(seen), own + "/linear_1", sizes.state, sizes.state));
    const auto asks =
        b.heads(b.linear(b.norm(x, other + "/layer_norm"), other + "/linear_0", sizes.state, sizes.state), 1);
    x = b.add(x, b.linear(b.joined(b.attention(asks[0], key, value, weights)), other + "/linear_2", sizes.state,
                          sizes.state));
    x = b.feed_forward(x, layer);
  }
  const auto wanted = std::make_shared<op::Gather>(
      b.reshape(b.norm(x, "decoder/layer_norm"), {-1, static_cast<std::int64_t>(sizes.state)}), rows, axis(0));
  results.insert(results.begin(), output("logits", std::make_shared<op::MatMul>(wanted, embeddings, false, true)));
  return std::make_shared<ov::Model>(results, inputs, "whisper-decoder");
}

template <class Build>
Expected<std::shared_ptr<ov::Model>> guarded(Build build) {
  try {
    return build();
  } catch (Missing& missing) {
    return tl::make_unexpected(std::move(missing.error));
  } catch (const std::exception& e) {
    return fail(Errc::bad_file, std::string{"model.bin: its graph cannot be built: "} + e.what(), "model");
  }
}

}  // namespace

Expected<WhisperSizes> whisper_sizes(const Ct2Model& model) {
  const auto bad = [](const std::string& what) { return fail(Errc::bad_file, "model.bin: " + what, "model"); };
  if (model.spec() != "WhisperSpec") return bad("is a model of '" + model.spec() + "', not whisper's");
  const Ct2Array* embeddings = model.find("decoder/embeddings/weight");
  const Ct2Array* places = model.find("decoder/position_encodings/encodings");
  if (embeddings == nullptr || embeddings->shape.size() != 2 || places == nullptr || places->shape.size() != 2) {
    return bad("lacks the decoder's embeddings or positions");
  }
  WhisperSizes sizes;
  sizes.vocabulary = embeddings->shape[0];
  sizes.state = embeddings->shape[1];
  sizes.context = places->shape[0];
  constexpr std::size_t kHeadWidth = 64;  // of every whisper
  sizes.heads = sizes.state / kHeadWidth;
  const auto layers = [&](const char* side) {
    std::size_t n = 0;
    while (model.find(fmt::format("{}/layer_{}/ffn/linear_0/weight", side, n)) != nullptr) ++n;
    return n;
  };
  sizes.encoder_layers = layers("encoder");
  sizes.decoder_layers = layers("decoder");
  if (sizes.heads == 0 || sizes.state % kHeadWidth != 0 || sizes.encoder_layers == 0 || sizes.decoder_layers == 0 ||
      sizes.context < 8) {
    return bad("has sizes that no whisper has");
  }
  return sizes;
}

Expected<std::shared_ptr<ov::Model>> encoder_graph(const Ct2Model& model, const WhisperSizes& sizes) {
  return guarded([&] { return build_encoder(model, sizes); });
}
Expected<std::shared_ptr<ov::Model>> decoder_graph(const Ct2Model& model, const WhisperSizes& sizes) {
  return guarded([&] { return build_decoder(model, sizes); });
}

}  // namespace zenith::media
