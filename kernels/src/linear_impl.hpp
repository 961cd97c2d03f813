// Linear's state and its parts, which are spread over several files.
#pragma once

#include <optional>
#include <vector>

#include "int_dot.hpp"
#include "packed.hpp"
#include "zenith/kernels/linear.hpp"

namespace zenith::kernels {

struct Adapter {
  std::uint16_t id = 0;
  std::size_t rank = 0;
  float scale = 1.0F;
  std::vector<float> a, b;  ///< [rank, n_in], [n_out, rank]
};

/// Quantised types: `packed`, made for `table`, and `bytes` only if borrowed. Float types: `bytes`, which may be
/// `owned`.
struct Linear::Impl {
  Impl(DType type, std::size_t outputs, std::size_t inputs, std::span<const float> biases)
      : dtype(type), n_out(outputs), n_in(inputs), bias(biases.begin(), biases.end()) {}

  DType dtype;
  std::size_t n_out, n_in;
  std::span<const std::byte> bytes;
  std::vector<std::byte> owned;
  std::optional<PackedWeights> packed;
  const IntDotTable* table = nullptr;
  std::vector<float> bias;
  std::vector<Adapter> adapters;

  void row(std::size_t o, std::span<float> out) const noexcept;
  /// Row `o` as f32 for the float kernels: in place where that is possible, else in `scratch`.
  const float* row_floats(std::size_t o, std::span<float> scratch) const noexcept;

  void apply(Exec& ex, const Activations& x, View2<float> y, bool add) const;
  bool integer(const Exec& ex) const noexcept { return packed && ex.numerics == Numerics::fast; }
  void apply_integer(Exec& ex, const Activations& x, View2<float> y, bool add) const;
  /// Outputs [begin, end), begin a multiple of the lanes, on the calling thread.
  void integer_range(const struct QuantizedRows& q, View2<float> y, bool add, std::size_t begin, std::size_t end) const;
  void apply_float(Exec& ex, const Activations& x, View2<float> y, bool add) const;
  void apply_adapter(Exec& ex, const Activations& x, View2<float> y, const Adapter& adapter) const;
};

}  // namespace zenith::kernels
