// Linear against the double reference: every weight type, every integer dot, every Highway target, odd shapes.
#include "zenith/kernels/linear.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "support.hpp"
#include "zenith/kernels/reference.hpp"
#include "zenith/kernels/weight_memory.hpp"

namespace zenith::kernels {
namespace {

using namespace testing_support;

struct Shape {
  std::size_t rows, n_out, n_in;
};

/// n_in counts blocks for quantised types.
constexpr Shape kShapes[] = {{1, 1, 1}, {1, 8, 2},  {2, 17, 3}, {3, 33, 1},  {4, 16, 2},
                             {5, 7, 4}, {7, 31, 2}, {66, 9, 2}, {130, 3, 1}, {9, 35, 17}};
/// Columns for float types: not multiples of any vector.
constexpr Shape kFloatShapes[] = {{1, 1, 1},   {1, 5, 7},   {2, 17, 100}, {3, 33, 31},
                                  {4, 16, 64}, {7, 6, 129}, {66, 9, 37},  {130, 3, 576}};

struct Case {
  DType type;
  Shape shape;
};

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const DType type : kWeightTypes) {
    const std::size_t block = dtype_info(type).elements;
    for (const Shape& s : block == 1 ? std::span<const Shape>{kFloatShapes} : std::span<const Shape>{kShapes})
      out.push_back({type, {s.rows, s.n_out, s.n_in * block}});
  }
  return out;
}

class LinearShapes : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto [type, s] = GetParam();
    Random random{7};
    weights = random.weights(type, s.n_out, s.n_in);
    x = random.normal(s.rows * s.n_in);
    bias = random.normal(s.n_out);
    want = reference::linear(type, weights, s.n_out, s.n_in, view(x, s.n_in), bias);
  }

  std::vector<float> run(Numerics numerics, bool borrow) {
    const auto [type, s] = GetParam();
    Machine machine{2, numerics};
    auto linear = Linear::make(type, weights, s.n_out, s.n_in, bias, borrow);
    EXPECT_TRUE(linear) << linear.error().message;
    std::vector<float> y(s.rows * s.n_out, 99.0F);
    linear->apply(machine.ex, Activations{machine.ex, view(x, s.n_in)}, view(y, s.n_out));
    return y;
  }

  std::vector<std::byte> weights;
  std::vector<float> x, bias;
  reference::Matrix want;
};

TEST_P(LinearShapes, fast_is_within_tolerance_on_every_target) {
  for_each_int_dot([&](IntDot) {
    for_each_highway_target([&] { EXPECT_LE(reference::nmse(run(Numerics::fast, true), want), 1e-8); });
  });
}

TEST_P(LinearShapes, exact_is_within_tolerance_on_every_target) {
  for_each_highway_target([&] { EXPECT_LE(reference::nmse(run(Numerics::exact, true), want), 1e-10); });
}

TEST_P(LinearShapes, rows_read_back_are_the_dequantised_rows_also_without_the_file) {
  const auto [type, s] = GetParam();
  for_each_int_dot([&, type = type, s = s](IntDot) {
    for (const bool borrow : {true, false}) {
      const auto linear = Linear::make(type, weights, s.n_out, s.n_in, {}, borrow);
      ASSERT_TRUE(linear);
      std::vector<float> got(s.n_in), row(s.n_in);
      const std::size_t bytes = row_bytes(type, s.n_in);
      for (std::size_t o = 0; o < s.n_out; ++o) {
        linear->row(o, got);
        ASSERT_TRUE(dequantize_row(type, std::span{weights}.subspan(o * bytes, bytes), row));
        ASSERT_EQ(got, row) << o;
      }
    }
  });
}

TEST_P(LinearShapes, an_owned_copy_computes_the_same_bits) {
  for (const Numerics numerics : {Numerics::fast, Numerics::exact})
    EXPECT_TRUE(same_bits(run(numerics, true), run(numerics, false)));
}

INSTANTIATE_TEST_SUITE_P(kernels, LinearShapes, ::testing::ValuesIn(cases()), [](const auto& i) {
  return std::string{dtype_info(i.param.type).name} + "_" + std::to_string(i.param.shape.rows) + "x" +
         std::to_string(i.param.shape.n_out) + "x" + std::to_string(i.param.shape.n_in);
});

class LinearTypes : public ::testing::TestWithParam<DType> {};

/// The promise of DESIGN "Numerics": a row alone, in a batch of 7, in chunks and on any number of threads has the same
/// bits.
TEST_P(LinearTypes, a_row_has_the_same_bits_in_every_company) {
  constexpr std::size_t kRows = 71, kOut = 45, kIn = 768;  // more blocks than a panel of many rows holds
  Random random{11};
  const auto weights = random.weights(GetParam(), kOut, kIn);
  const auto x = random.normal(kRows * kIn), bias = random.normal(kOut);
  for_each_int_dot([&](IntDot) {
    const auto linear = Linear::make(GetParam(), weights, kOut, kIn, bias);
    ASSERT_TRUE(linear);
    for (const Numerics numerics : {Numerics::fast, Numerics::exact}) {
      const auto run = [&](std::size_t first, std::size_t count, int threads) {
        Machine machine{threads, numerics};
        std::vector<float> y(count * kOut);
        linear->apply(machine.ex, Activations{machine.ex, view(x, kIn).slice(first, count)}, view(y, kOut));
        return y;
      };
      const std::vector<float> all = run(0, kRows, 1);
      for (const int threads : {1, 2, 3}) {
        for (const std::size_t chunk :
             {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{64}}) {
          for (std::size_t first = 0; first < kRows; first += chunk) {
            const std::size_t count = std::min(chunk, kRows - first);
            ASSERT_TRUE(same_bits(run(first, count, threads), std::span{all}.subspan(first * kOut, count * kOut)))
                << "rows " << first << "+" << count << " on " << threads << " threads";
            if (chunk < 7 && first >= 6) break;
          }
        }
      }
    }
  });
}

TEST_P(LinearTypes, integer_dots_with_fused_multiply_add_agree_bit_by_bit) {
  constexpr std::size_t kRows = 5, kOut = 21, kIn = 512;
  Random random{12};
  const auto weights = random.weights(GetParam(), kOut, kIn);
  const auto x = random.normal(kRows * kIn);
  std::vector<float> first;
  for_each_int_dot([&](IntDot dot) {
    if (dot == IntDot::generic) return;
    Machine machine;
    const auto linear = Linear::make(GetParam(), weights, kOut, kIn);
    ASSERT_TRUE(linear);
    std::vector<float> y(kRows * kOut);
    linear->apply(machine.ex, Activations{machine.ex, view(x, kIn)}, view(y, kOut));
    if (first.empty()) first = y;
    EXPECT_TRUE(same_bits(y, first));
  });
}

TEST_P(LinearTypes, apply_add_adds) {
  constexpr std::size_t kRows = 3, kOut = 19, kIn = 256;
  Random random{13};
  const auto weights = random.weights(GetParam(), kOut, kIn);
  const auto x = random.normal(kRows * kIn), start = random.normal(kRows * kOut), bias = random.normal(kOut);
  Machine machine;
  const auto linear = Linear::make(GetParam(), weights, kOut, kIn, bias);
  ASSERT_TRUE(linear);
  std::vector<float> y(kRows * kOut), sum = start;
  const Activations a{machine.ex, view(x, kIn)};
  linear->apply(machine.ex, a, view(y, kOut));
  linear->apply_add(machine.ex, a, view(sum, kOut));
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(sum[i], start[i] + y[i]) << i;
}

TEST_P(LinearTypes, nan_and_infinity_reach_their_row_and_no_other) {
  constexpr std::size_t kRows = 6, kOut = 11, kIn = 512;
  Random random{14};
  const auto weights = random.weights(GetParam(), kOut, kIn);
  const auto clean = random.normal(kRows * kIn);
  auto x = clean;
  x[1 * kIn + 300] = std::numeric_limits<float>::quiet_NaN();
  x[4 * kIn] = std::numeric_limits<float>::infinity();
  for_each_int_dot([&](IntDot) {
    for (const Numerics numerics : {Numerics::fast, Numerics::exact}) {
      Machine machine{2, numerics};
      const auto linear = Linear::make(GetParam(), weights, kOut, kIn);
      ASSERT_TRUE(linear);
      std::vector<float> y(kRows * kOut), want(kRows * kOut);
      linear->apply(machine.ex, Activations{machine.ex, view(x, kIn)}, view(y, kOut));
      linear->apply(machine.ex, Activations{machine.ex, view(clean, kIn)}, view(want, kOut));
      for (std::size_t t = 0; t < kRows; ++t)
        for (std::size_t o = 0; o < kOut; ++o)
          if (t == 1 || t == 4)
            EXPECT_FALSE(std::isfinite(y[t * kOut + o])) << t << "," << o;
          else
            EXPECT_EQ(y[t * kOut + o], want[t * kOut + o]) << t << "," << o;
    }
  });
}

TEST_P(LinearTypes, zeros_and_tiny_rows_are_exact_zeros_or_close) {
  constexpr std::size_t kOut = 5, kIn = 256;
  const auto weights = Random{15}.weights(GetParam(), kOut, kIn);
  const auto linear = Linear::make(GetParam(), weights, kOut, kIn);
  ASSERT_TRUE(linear);
  Machine machine;
  std::vector<float> x(2 * kIn), y(2 * kOut, 1.0F);
  std::fill(x.begin() + kIn, x.end(), 1e-38F);
  linear->apply(machine.ex, Activations{machine.ex, view(x, kIn)}, view(y, kOut));
  for (std::size_t o = 0; o < kOut; ++o) {
    EXPECT_EQ(y[o], 0.0F);
    EXPECT_LE(std::abs(y[kOut + o]), 1e-34F);
  }
}

INSTANTIATE_TEST_SUITE_P(kernels, LinearTypes, ::testing::ValuesIn(kWeightTypes),
                         [](const auto& i) { return std::string{dtype_info(i.param).name}; });

TEST(Linear, weights_may_lie_at_any_address) {
  constexpr std::size_t kOut = 6, kIn = 512;
  Random random{16};
  for (const DType type : kWeightTypes) {
    const auto weights = random.weights(type, kOut, kIn);
    const auto x = random.normal(kIn);
    std::vector<float> want(kOut), y(kOut);
    for (std::size_t shift = 0; shift < 4; ++shift) {
      std::vector<std::byte> moved(shift);
      moved.insert(moved.end(), weights.begin(), weights.end());
      Machine machine;
      const auto linear = Linear::make(type, std::span{moved}.subspan(shift), kOut, kIn);
      ASSERT_TRUE(linear);
      linear->apply(machine.ex, Activations{machine.ex, view(x, kIn)}, view(y, kOut));
      if (shift == 0) want = y;
      EXPECT_TRUE(same_bits(y, want)) << dtype_info(type).name << " shifted by " << shift;
    }
  }
}

TEST(Linear, activations_are_quantised_once_for_all_that_share_them) {
  constexpr std::size_t kIn = 64;
  Random random{17};
  const auto weights = random.weights(DType::q4_1, 8, kIn);
  const auto x = random.normal(kIn);
  Machine machine;
  const auto a = Linear::make(DType::q4_1, weights, 8, kIn), b = Linear::make(DType::q4_1, weights, 8, kIn);
  const Activations shared{machine.ex, view(x, kIn)};
  std::vector<float> y(8), z(8);
  a->apply(machine.ex, shared, view(y, 8));
  const QuantizedRows* made = &shared.quantized(machine.ex);
  b->apply(machine.ex, shared, view(z, 8));
  EXPECT_EQ(made, &shared.quantized(machine.ex));
  EXPECT_TRUE(same_bits(y, z));
}

TEST(Linear, made_from_its_packed_form_it_has_the_same_bits) {
  constexpr std::size_t kOut = 21, kIn = 512;
  Random random{23};
  const auto x = random.normal(3 * kIn), bias = random.normal(kOut);
  for (const DType type :
       {DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1, DType::q8_0, DType::q4_k, DType::q5_k, DType::q6_k}) {
    const auto weights = random.weights(type, kOut, kIn);
    for_each_int_dot([&](IntDot) {
      const auto made = Linear::make(type, weights, kOut, kIn, bias, false);
      ASSERT_TRUE(made);
      ASSERT_EQ(made->packed().size(), Linear::packed_bytes(type, kOut, kIn));
      auto memory = std::make_shared<WeightMemory>();
      const auto copy = memory->take(made->packed().size());
      std::ranges::copy(made->packed(), copy.begin());
      const auto read = Linear::from_packed(type, copy, kOut, kIn, std::move(memory), bias);
      ASSERT_TRUE(read);
      EXPECT_EQ(read->owned_bytes(), made->owned_bytes());
      for (const Numerics numerics : {Numerics::fast, Numerics::exact}) {
        Machine machine{2, numerics};
        const Activations input{machine.ex, view(x, kIn)};
        std::vector<float> y(3 * kOut), z(3 * kOut), row(kIn), wanted(kIn);
        made->apply(machine.ex, input, view(y, kOut));
        read->apply(machine.ex, input, view(z, kOut));
        EXPECT_TRUE(same_bits(y, z));
        made->row(kOut - 1, wanted);
        read->row(kOut - 1, row);
        EXPECT_TRUE(same_bits(row, wanted));
      }
      EXPECT_EQ(Linear::from_packed(type, copy.first(copy.size() - 1), kOut, kIn, nullptr).error().code,
                Errc::invalid_argument);
      EXPECT_EQ(Linear::from_packed(type, copy, kOut, kIn, nullptr, {},
                                    weights.empty() ? std::span<const std::byte>{} : std::span{weights}.first(1))
                    .error()
                    .code,
                Errc::invalid_argument);
    });
  }
  EXPECT_EQ(Linear::packed_bytes(DType::f16, kOut, kIn), 0u);
  EXPECT_EQ(Linear::packed_bytes(DType::q4_k, kOut, 32), 0u);
  EXPECT_EQ(Linear::from_packed(DType::f32, {}, kOut, kIn, nullptr).error().code, Errc::unsupported);
}

TEST(Linear, matrices_applied_together_give_the_bits_of_each_alone) {
  struct Matrix {
    DType type;
    std::size_t n_out;
    bool adapter;
  };
  constexpr std::size_t kIn = 512, kMostRows = 9;
  constexpr Matrix kQuantised[] = {{DType::q4_1, 195, true}, {DType::q6_k, 64, false}, {DType::q8_0, 7, false}};
  constexpr Matrix kWithFloats[] = {{DType::q4_1, 40, false}, {DType::f16, 20, true}};
  Random random{18};
  const auto x = random.normal(kMostRows * kIn);
  for (const std::span<const Matrix> matrices :
       {std::span<const Matrix>{kQuantised}, std::span<const Matrix>{kWithFloats}}) {
    for_each_int_dot([&](IntDot) {
      std::vector<Linear> linears;
      for (const Matrix& m : matrices) {
        const auto bias = random.normal(m.n_out);
        linears.push_back(*Linear::make(m.type, random.weights(m.type, m.n_out, kIn), m.n_out, kIn, bias, false));
        const auto a = random.normal(2 * kIn), b = random.normal(m.n_out * 2);
        if (m.adapter) ASSERT_TRUE(linears.back().add_adapter(1, view(a, kIn), view(b, 2), 0.5F));
      }
      const std::vector<RowMeta> meta(kMostRows, RowMeta{Phase::decode, 1});
      for (const Numerics numerics : {Numerics::fast, Numerics::exact}) {
        for (const int threads : {1, 2, 3}) {
          for (const std::size_t rows : {std::size_t{1}, std::size_t{3}, kMostRows}) {
            Machine machine{threads, numerics};
            const Activations input{machine.ex, view(x, kIn).slice(0, rows), std::span{meta}.first(rows)};
            std::vector<std::vector<float>> together, alone;
            std::vector<Linear::Use> uses;
            for (const Linear& linear : linears) {
              alone.emplace_back(rows * linear.n_out(), 1.0F);
              linear.apply(machine.ex, input, view(alone.back(), linear.n_out()));
              together.emplace_back(rows * linear.n_out(), 2.0F);
              uses.push_back({&linear, view(together.back(), linear.n_out())});
            }
            Linear::apply_all(machine.ex, input, uses);
            for (std::size_t i = 0; i < linears.size(); ++i)
              EXPECT_TRUE(same_bits(together[i], alone[i])) << "matrix " << i << ", " << rows << " rows, " << threads;
          }
        }
      }
    });
  }
}

TEST(Linear, shared_memory_outlives_what_made_it_and_holds_many_matrices) {
  Random random{19};
  auto memory = std::make_shared<WeightMemory>();
  const std::span<unsigned char> large = memory->take(std::size_t{40} << 20), small = memory->take(3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large.data()) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(small.data()) % 64, 0u);
  large.back() = 1;
  small.back() = 2;
  EXPECT_EQ(large.back(), 1);
  const auto weights = random.weights(DType::q4_1, 24, 64);
  const auto x = random.normal(64);
  auto first = Linear::make(DType::q4_1, weights, 24, 64, {}, false, memory);
  const auto second = Linear::make(DType::q4_1, weights, 24, 64, {}, false, memory);
  ASSERT_TRUE(first && second);
  memory.reset();
  Machine machine;
  const Activations input{machine.ex, view(x, 64)};
  std::vector<float> y(24), z(24);
  first->apply(machine.ex, input, view(y, 24));
  first = Linear::make(DType::q8_0, random.weights(DType::q8_0, 1, 32), 1, 32, {}, false);
  second->apply(machine.ex, input, view(z, 24));
  EXPECT_TRUE(same_bits(y, z));
}

struct Refusal {
  const char* name;
  DType type;
  std::size_t bytes, n_out, n_in, biases;
  Errc code;
};

class LinearRefuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(LinearRefuses, with_a_message) {
  const Refusal& r = GetParam();
  const std::vector<std::byte> bytes(r.bytes);
  const std::vector<float> bias(r.biases);
  const auto linear = Linear::make(r.type, bytes, r.n_out, r.n_in, bias);
  ASSERT_FALSE(linear);
  EXPECT_EQ(linear.error().code, r.code);
  EXPECT_THAT(linear.error().message, ::testing::Not(::testing::IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(kernels, LinearRefuses,
                         ::testing::Values(Refusal{"integers", DType::i8, 4, 2, 2, 0, Errc::unsupported},
                                           Refusal{"half_a_block", DType::q8_0, 34, 1, 16, 0, Errc::invalid_argument},
                                           Refusal{"too_few_bytes", DType::f32, 15, 2, 2, 0, Errc::invalid_argument},
                                           Refusal{"too_many_bytes", DType::f32, 17, 2, 2, 0, Errc::invalid_argument},
                                           Refusal{"no_outputs", DType::f32, 0, 0, 2, 0, Errc::invalid_argument},
                                           Refusal{"no_inputs", DType::f32, 0, 2, 0, 0, Errc::invalid_argument},
                                           Refusal{"sizes_that_overflow", DType::f32, 16, std::size_t{1} << 62, 4, 0,
                                                   Errc::invalid_argument},
                                           Refusal{"a_bias_of_another_size", DType::f32, 16, 2, 2, 3,
                                                   Errc::invalid_argument}),
                         [](const auto& i) { return std::string{i.param.name}; });

}  // namespace
}  // namespace zenith::kernels
