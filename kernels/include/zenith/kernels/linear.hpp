// y = x W^T (+ b) (+ low-rank adapters): the one way a weight matrix is applied.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "zenith/core/dtype.hpp"
#include "zenith/core/error.hpp"
#include "zenith/core/view.hpp"
#include "zenith/kernels/exec.hpp"
#include "zenith/kernels/weight_memory.hpp"

namespace zenith::kernels {

/// What differs between rows of one call.
struct RowMeta {
  Phase phase = Phase::prefill;
  std::uint16_t adapter = 0;  ///< 0 = none, else an id given to Linear::add_adapter
};

/// Rows of activations that several Linears share (q, k, v; gate, up): they are quantised at most once, on first need.
/// Borrowed: x, meta and the workspace's memory must outlive it. One thread.
class Activations {
 public:
  /// @param x f32 [T, C]. @param meta one entry a row, or empty: all RowMeta{}.
  Activations(Exec& ex, View2<const float> x, std::span<const RowMeta> meta = {}) noexcept;
  Activations(const Activations&) = delete;
  Activations& operator=(const Activations&) = delete;

  View2<const float> x() const noexcept { return x_; }
  RowMeta meta(std::size_t row) const noexcept { return meta_.empty() ? RowMeta{} : meta_[row]; }
  std::span<const RowMeta> metas() const noexcept { return meta_; }

  /// Private to kernels/: the quantised form (blocks of 32: f32 scale, int16 values, sum), made on the pool at the
  /// first call.
  const struct QuantizedRows& quantized(Exec& ex) const;

 private:
  View2<const float> x_;
  std::span<const RowMeta> meta_;
  mutable const struct QuantizedRows* quantized_ = nullptr;
};

/// A weight matrix [n_out, n_in] in a packed layout chosen for the dispatch target. Immutable after loading, but for
/// adapters.
class Linear {
 public:
  /// @param dtype any of DType but integers. @param weights row-major [n_out, n_in] in file layout, any alignment.
  /// `borrow`: the bytes outlive the Linear (an mmap), so that no copy is needed when no packing is. `memory`: where
  /// packed weights go, beside those of the model's other matrices; null: into memory of their own.
  /// @returns invalid_argument when sizes disagree or n_in is no multiple of the block; unsupported for a dtype without
  /// a kernel.
  static Expected<Linear> make(DType dtype, std::span<const std::byte> weights, std::size_t n_out, std::size_t n_in,
                               std::span<const float> bias = {}, bool borrow = true,
                               std::shared_ptr<WeightMemory> memory = nullptr);
  /// The same matrix from its packed form, which `memory` keeps: packed() of one made in a process of the same
  /// packed_layout(). Any bytes of the right number are safe. @param weights make's, borrowed; or empty.
  /// @returns invalid_argument when sizes disagree; unsupported for a dtype that is not packed.
  static Expected<Linear> from_packed(DType dtype, std::span<const unsigned char> packed, std::size_t n_out,
                                      std::size_t n_in, std::shared_ptr<WeightMemory> memory,
                                      std::span<const float> bias = {}, std::span<const std::byte> weights = {});
  /// Bytes of the packed form; 0 for a dtype that is not packed and for sizes that make refuses.
  static std::size_t packed_bytes(DType dtype, std::size_t n_out, std::size_t n_in) noexcept;
  Linear(Linear&&) noexcept;
  Linear& operator=(Linear&&) noexcept;
  ~Linear();

  std::size_t n_out() const noexcept;
  std::size_t n_in() const noexcept;
  DType dtype() const noexcept;
  std::size_t owned_bytes() const noexcept;                ///< memory beyond the borrowed bytes
  std::span<const unsigned char> packed() const noexcept;  ///< empty for a dtype that is not packed

  /// y[t, o] = sum_c x[t, c] W[o, c] + b[o]. y f32 [T, n_out], not aliasing x.
  /// `fast`: x is rounded to int16 per 32 elements for quantised weights; nmse against the double reference <= 1e-8 for
  /// normal data. `exact`: x stays f32; nmse <= 1e-10.
  void apply(Exec& ex, const Activations& x, View2<float> y) const noexcept;
  /// `a += apply(x)`: the residual form.
  void apply_add(Exec& ex, const Activations& x, View2<float> y) const noexcept;

  /// One of several matrices that are applied to the same rows.
  struct Use {
    const Linear* linear;
    View2<float> y;
  };
  /// use.linear->apply(ex, x, use.y) for each, to the bit, in one job of the pool where all are quantised.
  static void apply_all(Exec& ex, const Activations& x, std::span<const Use> uses) noexcept;

  /// A low-rank adapter: rows whose meta names `id` get + scale * B (A x). a f32 [rank, n_in], b f32 [n_out, rank];
  /// copied.
  Status add_adapter(std::uint16_t id, View2<const float> a, View2<const float> b, float scale);
  void remove_adapter(std::uint16_t id) noexcept;

  /// Row `o` of W as f32 (token embeddings of a tied head). out f32 [n_in]. Any thread.
  void row(std::size_t o, std::span<float> out) const noexcept;

 private:
  struct Impl;
  static Status check(DType dtype, std::size_t n_out, std::size_t n_in, std::span<const float> bias);
  explicit Linear(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// Names what packed() holds: "v1-8": processes of equal strings pack a matrix into equal bytes.
std::string packed_layout();

}  // namespace zenith::kernels
