// Low-rank adapters of a Linear: rows that name one get it, others do not notice.
#include <gmock/gmock.h>

#include "support.hpp"
#include "zenith/kernels/linear.hpp"
#include "zenith/kernels/reference.hpp"

namespace zenith::kernels {
namespace {

using namespace testing_support;

constexpr std::size_t kRows = 5, kOut = 37, kIn = 64, kRank = 6;

class Adapters : public ::testing::TestWithParam<DType> {
 protected:
  Adapters()
      : weights(random.weights(GetParam(), kOut, kIn)),
        x(random.normal(kRows * kIn)),
        a(random.normal(kRank * kIn)),
        b(random.normal(kOut * kRank)),
        linear(*Linear::make(GetParam(), weights, kOut, kIn)) {}

  std::vector<float> apply(std::span<const RowMeta> meta, Numerics numerics = Numerics::exact) {
    Machine machine{2, numerics};
    std::vector<float> y(kRows * kOut);
    linear.apply(machine.ex, Activations{machine.ex, view(x, kIn), meta}, view(y, kOut));
    return y;
  }

  Random random{41};
  std::vector<std::byte> weights;
  std::vector<float> x, a, b;
  Linear linear;
};

TEST_P(Adapters, rows_that_name_one_get_scale_b_a_x_and_others_keep_their_bits) {
  const auto plain = apply({});
  ASSERT_TRUE(linear.add_adapter(3, view(a, kIn), view(b, kRank), 0.5F));
  ASSERT_TRUE(linear.add_adapter(4, view(a, kIn), view(b, kRank), -0.5F));
  const std::vector<RowMeta> meta{
      {Phase::prefill, 0}, {Phase::decode, 3}, {Phase::prefill, 4}, {Phase::decode, 0}, {Phase::prefill, 3}};
  const auto y = apply(meta);
  const auto bytes_a = std::as_bytes(std::span{a}), bytes_b = std::as_bytes(std::span{b});
  const auto low = reference::linear(DType::f32, bytes_a, kRank, kIn, view(x, kIn), {});
  const std::vector<float> low_f32(low.begin(), low.end());
  const auto delta = reference::linear(DType::f32, bytes_b, kOut, kRank, view(low_f32, kRank), {});
  for (std::size_t t = 0; t < kRows; ++t) {
    const float scale = meta[t].adapter == 3 ? 0.5F : meta[t].adapter == 4 ? -0.5F : 0.0F;
    for (std::size_t o = 0; o < kOut; ++o) {
      const std::size_t i = t * kOut + o;
      if (scale == 0.0F)
        EXPECT_EQ(y[i], plain[i]);
      else
        EXPECT_NEAR(y[i], plain[i] + scale * delta[i], 2e-4) << t << "," << o;
    }
  }
}

TEST_P(Adapters, a_row_has_the_same_bits_in_every_company) {
  ASSERT_TRUE(linear.add_adapter(1, view(a, kIn), view(b, kRank), 2.0F));
  for (const Numerics numerics : {Numerics::fast, Numerics::exact}) {
    const auto all = apply(std::vector<RowMeta>(kRows, {Phase::decode, 1}), numerics);
    for (std::size_t t = 0; t < kRows; ++t) {
      const RowMeta meta{Phase::decode, 1};
      Machine machine{3, numerics};
      std::vector<float> y(kOut);
      linear.apply(machine.ex, Activations{machine.ex, view(x, kIn).slice(t, 1), {&meta, 1}}, view(y, kOut));
      EXPECT_TRUE(same_bits(y, std::span{all}.subspan(t * kOut, kOut)));
    }
  }
}

TEST_P(Adapters, can_be_replaced_and_removed) {
  const std::vector<RowMeta> meta(kRows, {Phase::prefill, 9});
  const auto plain = apply({});
  const std::size_t before = linear.owned_bytes();
  ASSERT_TRUE(linear.add_adapter(9, view(a, kIn), view(b, kRank), 1.0F));
  const auto once = apply(meta);
  ASSERT_TRUE(linear.add_adapter(9, view(a, kIn), view(b, kRank), 1.0F));
  EXPECT_TRUE(same_bits(apply(meta), once));
  EXPECT_FALSE(same_bits(once, plain));
  EXPECT_EQ(linear.owned_bytes(), before + (kRank * kIn + kOut * kRank) * sizeof(float));
  linear.remove_adapter(9);
  EXPECT_TRUE(same_bits(apply(meta), plain));
  EXPECT_EQ(linear.owned_bytes(), before);
}

TEST_P(Adapters, that_do_not_fit_are_refused) {
  EXPECT_FALSE(linear.add_adapter(0, view(a, kIn), view(b, kRank), 1.0F));
  EXPECT_FALSE(linear.add_adapter(1, view(a, kIn / 2), view(b, kRank), 1.0F));
  EXPECT_FALSE(linear.add_adapter(1, view(a, kIn), view(b, kRank / 2), 1.0F));
}

INSTANTIATE_TEST_SUITE_P(kernels, Adapters, ::testing::Values(DType::f32, DType::q4_1),
                         [](const auto& i) { return std::string{dtype_info(i.param).name}; });

}  // namespace
}  // namespace zenith::kernels
