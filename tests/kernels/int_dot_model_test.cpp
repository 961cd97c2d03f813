// The intrinsics of this processor against the scalar model. What it has not, bochs/ runs in an emulator.
#include <gtest/gtest.h>

#include <memory>

#include "int_dot_model.hpp"
#include "int_dot_table.hpp"

namespace zenith::kernels {
namespace {

TEST(IntDotModel, every_table_of_this_processor_agrees_to_the_bit) {
  const auto arena = std::make_unique<int_dot_model::Arena>();
  for (const IntDot dot : supported_int_dots()) {
    if (dot == IntDot::generic) continue;  // without fused multiply-add where the target has none
    const auto cases =
        int_dot_model::run_all(int_dot_table(dot), *arena, [&](const int_dot_model::Case& c, std::size_t wrong) {
          EXPECT_EQ(wrong, 0u) << to_string(dot) << " kind " << static_cast<int>(c.kind) << " rows " << c.rows
                               << " out " << c.out << " blocks " << c.blocks;
        });
    EXPECT_EQ(cases, kPackKinds * 52);
  }
}

TEST(IntDotModel, sees_one_wrong_bit) {
  const auto dots = supported_int_dots();
  if (dots.back() == IntDot::generic) GTEST_SKIP() << "no intrinsics on this processor";
  static IntDotTable real, off;
  real = off = int_dot_table(dots.back());
  off.run[3] = [](const IntDotCall& c) {
    real.run[3](c);
    c.y[0] = c.y[0] + c.y[0] * 0x1p-23F;
  };
  const auto arena = std::make_unique<int_dot_model::Arena>();
  std::size_t wrong = 0;
  int_dot_model::run_all(off, *arena, [&](const int_dot_model::Case&, std::size_t n) { wrong += n; });
  EXPECT_EQ(wrong, 52u);
}

}  // namespace
}  // namespace zenith::kernels
