// Norms, rotary embeddings and element-wise ops against the double references, on every Highway target.
#include "zenith/kernels/elementwise.hpp"

#include <cmath>
#include <functional>
#include <limits>

#include "support.hpp"
#include "zenith/kernels/norm.hpp"
#include "zenith/kernels/reference.hpp"
#include "zenith/kernels/rope.hpp"

namespace zenith::kernels {
namespace {

using namespace testing_support;
using reference::Matrix;

constexpr float kEps = 1e-5F;

/// One op over [T, C]: what it computes in place of y, from a and b (b: second input, or weights [C]).
struct Op {
  const char* name;
  double tolerance;
  void (*run)(Exec&, View2<const float> a, View2<const float> b, View2<float> y);
  Matrix (*want)(View2<const float> a, View2<const float> b);
};

void copy(View2<const float> from, View2<float> to) {
  for (std::size_t t = 0; t < from.rows; ++t) std::copy(from[t].begin(), from[t].end(), to[t].begin());
}

Matrix map(View2<const float> a, View2<const float> b, double (*f)(double, double)) {
  Matrix out;
  for (std::size_t t = 0; t < a.rows; ++t)
    for (std::size_t c = 0; c < a.cols; ++c) out.push_back(f(a.row(t)[c], b.row(t)[c]));
  return out;
}

constexpr Op kOps[] = {
    {"add", 1e-12, [](Exec& ex, auto a, auto b, auto y) { add(ex, a, b, y); },
     [](auto a, auto b) { return map(a, b, [](double u, double v) { return u + v; }); }},
    {"scale", 1e-12,
     [](Exec& ex, auto a, auto, auto y) {
       copy(a, y);
       scale(ex, y, 0.3F);
     },
     [](auto a, auto b) { return map(a, b, [](double u, double) { return u * double{0.3F}; }); }},
    {"softcap", 1e-12,
     [](Exec& ex, auto a, auto, auto y) {
       copy(a, y);
       softcap(ex, y, 3.0F);
     },
     [](auto a, auto b) { return map(a, b, [](double u, double) { return 3.0 * std::tanh(u / 3.0); }); }},
    {"silu_mul", 1e-12, [](Exec& ex, auto a, auto b, auto y) { silu_mul(ex, a, b, y); }, &reference::silu_mul},
    {"gelu_tanh_mul", 1e-12, [](Exec& ex, auto a, auto b, auto y) { gelu_tanh_mul(ex, a, b, y); },
     &reference::gelu_tanh_mul},
    {"gelu_erf", 1e-10,
     [](Exec& ex, auto a, auto, auto y) {
       copy(a, y);
       gelu_erf(ex, y);
     },
     [](auto a, auto) { return reference::gelu_erf(a); }},
    {"rms_norm", 1e-12, [](Exec& ex, auto a, auto b, auto y) { rms_norm(ex, a, b[0], kEps, y); },
     [](auto a, auto b) { return reference::rms_norm(a, b[0], double{kEps}); }},
    {"layer_norm", 1e-12, [](Exec& ex, auto a, auto b, auto y) { layer_norm(ex, a, b[0], b[b.rows - 1], kEps, y); },
     [](auto a, auto b) { return reference::layer_norm(a, b[0], b[b.rows - 1], double{kEps}); }},
};

class Elementwise : public ::testing::TestWithParam<Op> {};

TEST_P(Elementwise, is_within_tolerance_on_every_target) {
  for (const auto& [rows, cols] :
       {std::pair<std::size_t, std::size_t>{1, 1}, {1, 3}, {3, 17}, {2, 64}, {5, 576}, {40, 131}, {1, 5000}}) {
    Random random{21};
    const auto a = random.normal(rows * cols, 2.5F, 0.3F), b = random.normal(rows * cols);
    const Matrix want = GetParam().want(view(a, cols), view(b, cols));
    for_each_highway_target([&, rows = rows, cols = cols] {
      Machine machine;
      std::vector<float> y(rows * cols);
      GetParam().run(machine.ex, view(a, cols), view(b, cols), view(y, cols));
      EXPECT_LE(reference::nmse(y, want), GetParam().tolerance) << rows << " x " << cols;
    });
  }
}

TEST_P(Elementwise, a_row_has_the_same_bits_in_every_company) {
  constexpr std::size_t kRows = 40, kCols = 333;
  Random random{22};
  const auto a = random.normal(kRows * kCols, 2.0F);
  const auto shared = random.normal(kCols);
  std::vector<float> b;  // equal rows: norms take their weights from row 0
  for (std::size_t t = 0; t < kRows; ++t) b.insert(b.end(), shared.begin(), shared.end());
  const auto run = [&](std::size_t first, std::size_t count, int threads) {
    Machine machine{threads};
    std::vector<float> y(count * kCols);
    GetParam().run(machine.ex, view(a, kCols).slice(first, count), view(b, kCols).slice(first, count), view(y, kCols));
    return y;
  };
  const auto all = run(0, kRows, 1);
  for (const int threads : {1, 2, 3})
    for (const std::size_t chunk : {1, 7, 16, 40})
      for (std::size_t first = 0; first < kRows; first += chunk) {
        const std::size_t count = std::min(chunk, kRows - first);
        ASSERT_TRUE(same_bits(run(first, count, threads), std::span{all}.subspan(first * kCols, count * kCols)));
      }
}

TEST_P(Elementwise, outputs_may_alias_the_first_input) {
  constexpr std::size_t kCols = 77;
  Random random{23};
  auto a = random.normal(3 * kCols);
  const auto b = random.normal(3 * kCols);
  Machine machine;
  std::vector<float> want(3 * kCols);
  GetParam().run(machine.ex, view(a, kCols), view(b, kCols), view(want, kCols));
  const View2<const float> in{a.data(), 3, kCols};
  GetParam().run(machine.ex, in, view(b, kCols), view(a, kCols));
  EXPECT_TRUE(same_bits(a, want));
}

TEST_P(Elementwise, rows_may_be_strided) {
  constexpr std::size_t kCols = 21, kStride = 30;
  Random random{24};
  const auto a = random.normal(4 * kStride), b = random.normal(4 * kCols);
  std::vector<float> dense, y(4 * kStride, -7.0F), want(4 * kCols);
  for (std::size_t t = 0; t < 4; ++t)
    dense.insert(dense.end(), a.begin() + t * kStride, a.begin() + t * kStride + kCols);
  Machine machine;
  GetParam().run(machine.ex, view(dense, kCols), view(b, kCols), view(want, kCols));
  GetParam().run(machine.ex, {a.data(), 4, kCols, kStride}, view(b, kCols), {y.data(), 4, kCols, kStride});
  for (std::size_t t = 0; t < 4; ++t) {
    EXPECT_TRUE(same_bits(std::span{y}.subspan(t * kStride, kCols), std::span{want}.subspan(t * kCols, kCols)));
    for (std::size_t c = kCols; c < kStride; ++c) EXPECT_EQ(y[t * kStride + c], -7.0F) << "wrote past a row";
  }
}

TEST_P(Elementwise, nan_stays_nan_in_its_row_and_leaves_the_others) {
  constexpr std::size_t kCols = 37;
  for_each_highway_target([&] {
    for (const std::size_t at : {std::size_t{0}, std::size_t{20}, kCols - 1}) {
      Random random{25};
      auto a = random.normal(3 * kCols);
      const auto b = random.normal(3 * kCols);
      a[kCols + at] = std::numeric_limits<float>::quiet_NaN();
      Machine machine;
      std::vector<float> y(3 * kCols);
      GetParam().run(machine.ex, view(a, kCols), view(b, kCols), view(y, kCols));
      EXPECT_TRUE(std::isnan(y[kCols + at])) << at;
      for (std::size_t c = 0; c < kCols; ++c) {
        EXPECT_TRUE(std::isfinite(y[c]));
        EXPECT_TRUE(std::isfinite(y[2 * kCols + c]));
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(kernels, Elementwise, ::testing::ValuesIn(kOps),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(Elementwise, activations_saturate_instead_of_overflowing) {
  const std::vector<float> gate{-1e30F, -200.0F, -100.0F, 0.0F, 100.0F, 1e30F}, up(6, 1.0F);
  for_each_highway_target([&] {
    Machine machine;
    for (const auto op : {&silu_mul, &gelu_tanh_mul}) {
      std::vector<float> y(6);
      op(machine.ex, view(gate, 6), view(up, 6), view(y, 6));
      for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(y[i], 0.0F, 1e-30F) << gate[i];
      EXPECT_EQ(y[4], 100.0F);
      EXPECT_EQ(y[5], 1e30F);
    }
    std::vector<float> x = gate;
    gelu_erf(machine.ex, view(x, 6));
    EXPECT_EQ(x[0], 0.0F);
    EXPECT_EQ(x[5], 1e30F);
  });
}

TEST(LayerNorm, a_large_mean_does_not_drown_the_variance) {
  constexpr std::size_t kCols = 384;
  Random random{26};
  const auto x = random.normal(kCols, 1.0F, 1000.0F);
  const std::vector<float> w(kCols, 1.0F), b(kCols, 0.0F);
  Machine machine;
  std::vector<float> y(kCols);
  layer_norm(machine.ex, view(x, kCols), w, b, kEps, view(y, kCols));
  EXPECT_LE(reference::nmse(y, reference::layer_norm(view(x, kCols), w, b, double{kEps})), 1e-9);
}

struct RopeCase {
  const char* name;
  std::size_t head_dim, dims, heads;
  RopePairs pairs;
  bool factors;
};

class Rope : public ::testing::TestWithParam<RopeCase> {};

TEST_P(Rope, is_within_tolerance_at_every_position_on_every_target) {
  const RopeCase& c = GetParam();
  Random random{27};
  std::vector<float> factors;
  if (c.factors)
    for (std::size_t i = 0; i < c.dims / 2; ++i) factors.push_back(1.0F + static_cast<float>(i));
  const RopeTable table{c.dims, 10000.0, 0.5, factors, c.pairs};
  EXPECT_EQ(table.dims(), c.dims);
  const std::vector<std::int32_t> positions{0, 1, 511, 512, 513, 8191, 100000, 262143, 262144, 1000000};
  const std::size_t cols = c.head_dim * c.heads;
  const auto x = random.normal(positions.size() * cols);
  const Matrix want = reference::rope(view(x, cols), c.head_dim, positions, table);
  for_each_highway_target([&] {
    Machine machine;
    auto y = x;
    rope(machine.ex, view(y, cols), c.head_dim, positions, table);
    EXPECT_LE(reference::nmse(y, want), 1e-12);
    for (std::size_t t = 0; t < positions.size(); ++t) {  // alone: the same bits
      std::vector<float> row(x.begin() + t * cols, x.begin() + (t + 1) * cols);
      rope(machine.ex, view(row, cols), c.head_dim, std::span{positions}.subspan(t, 1), table);
      EXPECT_TRUE(same_bits(row, std::span{y}.subspan(t * cols, cols)));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(kernels, Rope,
                         ::testing::Values(RopeCase{"adjacent", 64, 64, 3, RopePairs::adjacent, false},
                                           RopeCase{"halves", 64, 64, 3, RopePairs::halves, false},
                                           RopeCase{"a_part_of_the_head", 48, 20, 2, RopePairs::halves, false},
                                           RopeCase{"adjacent_odd_count", 30, 22, 2, RopePairs::adjacent, false},
                                           RopeCase{"factors", 128, 128, 1, RopePairs::adjacent, true}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(Rope, inverse_frequencies_follow_the_formula) {
  const std::vector<float> factors{1.0F, 2.0F, 4.0F};
  const RopeTable table{6, 500000.0, 0.25, factors, RopePairs::halves};
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_DOUBLE_EQ(table.inverse()[i], std::pow(500000.0, -2.0 * double(i) / 6.0) * 0.25 / double{factors[i]});
}

}  // namespace
}  // namespace zenith::kernels
