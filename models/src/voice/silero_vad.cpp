#include "zenith/models/voice/silero_vad.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "zenith/models/weights/safetensors.hpp"

namespace zenith::models {
namespace {

constexpr std::size_t kWindow = 256, kStride = 128, kReflected = 64, kBins = 129;
constexpr std::size_t kSamples = SileroVad::kContext + SileroVad::kFrame + kReflected;
constexpr std::size_t kSteps = (kSamples - kWindow) / kStride + 1;
static_assert(kSteps == 4);
constexpr std::size_t kTaps = 3;

/// A layer's weights as [inputs][outputs], so that the inner loop runs over outputs.
struct Layer {
  std::size_t inputs = 0, outputs = 0;
  std::vector<float> weights, bias;
};

/// out[o] += sum over i of in[i] * w[i][o]
void accumulate(const Layer& layer, std::size_t first_input, std::span<const float> in,
                float* __restrict out) noexcept {
  const float* __restrict row = layer.weights.data() + first_input * layer.outputs;
  for (const float x : in) {
    for (std::size_t o = 0; o < layer.outputs; ++o) out[o] += x * row[o];
    row += layer.outputs;
  }
}

/// A convolution of width 3 with one zero at both ends, then ReLU. @param in [length][channels] @param out
/// [(length - 1) / stride + 1][outputs]. The layer's inputs are [tap][channel].
void convolve(const Layer& layer, std::span<const float> in, std::size_t length, std::size_t stride,
              std::span<float> out) noexcept {
  const std::size_t channels = layer.inputs / kTaps;
  const std::size_t steps = (length - 1) / stride + 1;
  for (std::size_t t = 0; t < steps; ++t) {
    float* to = out.data() + t * layer.outputs;
    std::copy(layer.bias.begin(), layer.bias.end(), to);
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
      const std::size_t at = t * stride + tap;  // one more than the place in `in`
      if (at == 0 || at > length) continue;
      accumulate(layer, tap * channels, in.subspan((at - 1) * channels, channels), to);
    }
    for (std::size_t o = 0; o < layer.outputs; ++o) to[o] = std::max(0.0F, to[o]);
  }
}

float sigmoid(float x) noexcept { return 1.0F / (1.0F + std::exp(-x)); }

Expected<std::vector<float>> tensor(const WeightSource& source, std::string_view name,
                                    const std::vector<std::uint64_t>& shape) {
  const TensorView* view = source.find(name);
  if (view == nullptr) return fail(Errc::bad_file, fmt::format("tensor '{}' is missing", name), std::string{name});
  if (view->dtype != DType::f32 || view->shape != shape) {
    return fail(Errc::bad_file,
                fmt::format("tensor '{}' must be F32 [{}], not {} [{}]", name, fmt::join(shape, ", "),
                            dtype_info(view->dtype).name, fmt::join(view->shape, ", ")),
                std::string{name});
  }
  std::vector<float> out(view->elements());
  std::memcpy(out.data(), view->bytes.data(), out.size() * sizeof(float));
  if (!std::all_of(out.begin(), out.end(), [](float x) { return std::isfinite(x); }))
    return fail(Errc::bad_file, fmt::format("tensor '{}' holds a value that is no number", name), std::string{name});
  return out;
}

/// [outputs][channels][taps] in the file. @param bias empty: none
Status read_layer(const WeightSource& source, const std::string& weight, const std::string& bias,
                  std::vector<std::uint64_t> shape, Layer& layer) {
  auto raw = tensor(source, weight, shape);
  if (!raw) return tl::make_unexpected(raw.error());
  const std::size_t outputs = shape[0], channels = shape[1], taps = shape.size() > 2 ? shape[2] : 1;
  layer.outputs = outputs;
  layer.inputs = channels * taps;
  layer.weights.resize(raw->size());
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t k = 0; k < taps; ++k)
        layer.weights[(k * channels + c) * outputs + o] = (*raw)[(o * channels + c) * taps + k];
    }
  }
  if (bias.empty()) return {};
  auto b = tensor(source, bias, {shape[0]});
  if (!b) return tl::make_unexpected(b.error());
  layer.bias = std::move(*b);
  return {};
}

}  // namespace

struct SileroWeights {
  Layer stft, conv1, conv2, conv3, conv4, input, recurrent, last;
};

float SileroVad::probability(std::span<const float, kFrame> samples) noexcept {
  const SileroWeights& w = *weights_;
  std::array<float, kSamples> x;
  auto end = std::copy(context_.begin(), context_.end(), x.begin());
  end = std::copy(samples.begin(), samples.end(), end);
  for (std::size_t i = 0; i < kReflected; ++i) *end++ = x[kContext + kFrame - 2 - i];
  std::copy(samples.end() - kContext, samples.end(), context_.begin());

  std::array<float, kSteps * kBins> magnitude;
  for (std::size_t t = 0; t < kSteps; ++t) {
    std::array<float, 2 * kBins> parts{};
    accumulate(w.stft, 0, std::span<const float>{x}.subspan(t * kStride, kWindow), parts.data());
    for (std::size_t k = 0; k < kBins; ++k)
      magnitude[t * kBins + k] = std::sqrt(parts[k] * parts[k] + parts[kBins + k] * parts[kBins + k]);
  }
  std::array<float, 4 * 128> a;
  std::array<float, 2 * 64> b;
  std::array<float, 64> c;
  std::array<float, 128> d;
  convolve(w.conv1, magnitude, 4, 1, a);
  convolve(w.conv2, a, 4, 2, b);
  convolve(w.conv3, b, 2, 2, c);
  convolve(w.conv4, c, 1, 1, d);

  std::array<float, 4 * kHidden> gates;
  for (std::size_t i = 0; i < gates.size(); ++i) gates[i] = w.input.bias[i] + w.recurrent.bias[i];
  accumulate(w.input, 0, d, gates.data());
  accumulate(w.recurrent, 0, hidden_, gates.data());
  float sum = w.last.bias[0];
  for (std::size_t i = 0; i < kHidden; ++i) {
    const float in = sigmoid(gates[i]), forget = sigmoid(gates[kHidden + i]);
    const float fresh = std::tanh(gates[2 * kHidden + i]), out = sigmoid(gates[3 * kHidden + i]);
    cell_[i] = forget * cell_[i] + in * fresh;
    hidden_[i] = out * std::tanh(cell_[i]);
    sum += std::max(0.0F, hidden_[i]) * w.last.weights[i];
  }
  return sigmoid(sum);
}

void SileroVad::reset() noexcept {
  context_.fill(0);
  hidden_.fill(0);
  cell_.fill(0);
}

Expected<std::shared_ptr<const SileroWeights>> silero_weights(const WeightSource& source) {
  auto w = std::make_shared<SileroWeights>();
  const auto conv = [&](const std::string& name, std::uint64_t outputs, std::uint64_t channels, Layer& layer) {
    return read_layer(source, name + ".weight", name + ".bias", {outputs, channels, kTaps}, layer);
  };
  auto ok = read_layer(source, "stft_conv.weight", {}, {2 * kBins, 1, kWindow}, w->stft);
  if (ok) ok = conv("conv1", 128, kBins, w->conv1);
  if (ok) ok = conv("conv2", 64, 128, w->conv2);
  if (ok) ok = conv("conv3", 64, 64, w->conv3);
  if (ok) ok = conv("conv4", 128, 64, w->conv4);
  if (ok) ok = read_layer(source, "lstm_cell.weight_ih", "lstm_cell.bias_ih", {512, 128}, w->input);
  if (ok) ok = read_layer(source, "lstm_cell.weight_hh", "lstm_cell.bias_hh", {512, 128}, w->recurrent);
  if (ok) ok = read_layer(source, "final_conv.weight", "final_conv.bias", {1, 128, 1}, w->last);
  if (!ok) return tl::make_unexpected(ok.error());
  return w;
}

Expected<std::shared_ptr<const SileroWeights>> load_silero_vad(const std::filesystem::path& file) {
  auto source = open_safetensors(file);
  if (!source) return tl::make_unexpected(source.error());
  return silero_weights(**source);
}

}  // namespace zenith::models
