// What the kernel tests share: random data, contexts to run ops in, every target that this machine has.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "zenith/core/dtype.hpp"
#include "zenith/core/view.hpp"
#include "zenith/kernels/dequantize.hpp"
#include "zenith/kernels/dispatch.hpp"
#include "zenith/kernels/exec.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels::testing_support {

/// A pool, scratch memory and an Exec over both.
struct Machine {
  explicit Machine(int threads = 2, Numerics numerics = Numerics::fast) : pool(threads) {
    ex.pool = &pool;
    ex.workspace = &workspace;
    ex.numerics = numerics;
  }
  ThreadPool pool;
  Workspace workspace;
  Exec ex;
};

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::vector<float> normal(std::size_t n, float sigma = 1.0F, float mean = 0.0F) {
    std::normal_distribution<float> distribution{mean, sigma};
    std::vector<float> out(n);
    for (float& v : out) v = distribution(engine_);
    return out;
  }
  std::vector<std::byte> bytes(std::size_t n) {
    std::vector<std::byte> out(n);
    for (std::byte& b : out) b = static_cast<std::byte>(engine_() & 255U);
    return out;
  }
  /// A matrix in file layout: random values, and scales of the size that real files have.
  std::vector<std::byte> weights(DType type, std::size_t n_out, std::size_t n_in);

 private:
  std::mt19937 engine_;
};

inline std::vector<std::byte> Random::weights(DType type, std::size_t n_out, std::size_t n_in) {
  const std::size_t count = n_out * n_in;
  const DTypeInfo info = dtype_info(type);
  std::vector<std::byte> out(row_bytes(type, count));
  const auto put16 = [&](std::size_t at, std::uint16_t bits) { std::memcpy(out.data() + at, &bits, sizeof bits); };
  if (info.elements == 1) {
    const std::vector<float> values = normal(count, 0.05F);
    for (std::size_t i = 0; i < count; ++i) {
      if (type == DType::f32) std::memcpy(out.data() + i * 4, &values[i], 4);
      if (type == DType::f16) put16(i * 2, f32_to_f16(values[i]));
      if (type == DType::bf16) put16(i * 2, f32_to_bf16(values[i]));
    }
    return out;
  }
  out = bytes(out.size());
  std::uniform_real_distribution<float> scale{0.001F, 0.02F};
  for (std::size_t at = 0; at < out.size(); at += info.bytes) {
    const std::uint16_t d = f32_to_f16(scale(engine_)), m = f32_to_f16(-8 * scale(engine_));
    switch (type) {
      case DType::q4_1:
      case DType::q5_1:
        put16(at, d);
        put16(at + 2, m);
        break;
      case DType::q4_k:
      case DType::q5_k:
        put16(at, d);
        put16(at + 2, f32_to_f16(scale(engine_)));
        break;
      case DType::q6_k: put16(at + 208, d); break;
      default: put16(at, d);
    }
  }
  return out;
}

constexpr DType kWeightTypes[] = {DType::f32,  DType::f16,  DType::bf16, DType::q4_0, DType::q4_1, DType::q5_0,
                                  DType::q5_1, DType::q8_0, DType::q4_k, DType::q5_k, DType::q6_k};

/// Highway's targets that are compiled in and that this machine has, best first.
inline std::vector<std::int64_t> highway_targets() {
  std::vector<std::int64_t> out;
  hwy::SetSupportedTargetsForTest(0);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) out.push_back(target);
  return out;
}

/// Runs a body with only one Highway target in use, for each; and puts things back.
template <class F>
void for_each_highway_target(F body) {
  for (const std::int64_t target : highway_targets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

/// The same for the integer dots.
template <class F>
void for_each_int_dot(F body) {
  const std::vector<IntDot> all = supported_int_dots();
  for (const IntDot dot : all) {
    SCOPED_TRACE(to_string(dot));
    ASSERT_TRUE(restrict_int_dot(dot));
    body(dot);
  }
  ASSERT_TRUE(restrict_int_dot(all.back()));
}

inline View2<const float> view(const std::vector<float>& v, std::size_t cols) {
  return {v.data(), v.size() / cols, cols};
}
inline View2<float> view(std::vector<float>& v, std::size_t cols) { return {v.data(), v.size() / cols, cols}; }

/// Same bits (so that equal NaNs are equal and -0 is not 0).
inline ::testing::AssertionResult same_bits(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " against " << b.size() << " values";
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0)
      return ::testing::AssertionFailure() << "value " << i << ": " << a[i] << " against " << b[i];
  return ::testing::AssertionSuccess();
}

}  // namespace zenith::kernels::testing_support
