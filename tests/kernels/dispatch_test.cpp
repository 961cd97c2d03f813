// Which kernels serve: names, restriction, and the rows that `zenith doctor --kernels` prints.
#include "zenith/kernels/dispatch.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "support.hpp"

namespace zenith::kernels {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Dispatch, generic_is_always_supported_and_the_best_is_used) {
  const auto all = supported_int_dots();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.front(), IntDot::generic);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  ASSERT_TRUE(restrict_int_dot(all.back()));
  EXPECT_EQ(target().int_dot, all.back());
}

/// Set where the CPU is known (under_qemu.sh): a run that fell back to less would prove less.
TEST(Dispatch, the_cpu_named_by_the_caller_gets_its_kernels) {
  const char* want = std::getenv("ZENITH_EXPECT_NUMERICS");
  if (want == nullptr) return;
  ASSERT_TRUE(restrict_int_dot(supported_int_dots().back()));
  EXPECT_THAT(numerics_id(), StartsWith(std::string{want} + "/"));
}

TEST(Dispatch, a_restriction_takes_the_best_not_above_it) {
  for (const IntDot most : {IntDot::generic, IntDot::avx2, IntDot::avx_vnni, IntDot::avx512_vnni}) {
    ASSERT_TRUE(restrict_int_dot(most));
    EXPECT_LE(target().int_dot, most);
    EXPECT_THAT(numerics_id(), HasSubstr(std::string{"+"} + std::string{to_string(target().int_dot)} + "/r"));
  }
}

TEST(Dispatch, names_parse_back) {
  for (const IntDot dot : {IntDot::generic, IntDot::avx2, IntDot::avx_vnni, IntDot::avx512_vnni}) {
    const auto parsed = parse_int_dot(to_string(dot));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, dot);
  }
  const auto wrong = parse_int_dot("sse9");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("sse9"));
  EXPECT_THAT(wrong.error().message, HasSubstr("avx512_vnni"));
}

TEST(Dispatch, every_weight_type_has_a_row_for_linear) {
  std::set<std::string> types;
  for (const KernelRow& row : kernel_rows()) {
    EXPECT_FALSE(row.implementation.empty()) << row.op;
    EXPECT_EQ(row.device, "cpu");
    if (row.op.starts_with("linear")) types.insert(row.dtype);
  }
  for (const DType type : testing_support::kWeightTypes)
    EXPECT_TRUE(types.contains(std::string{dtype_info(type).name}));
}

TEST(Dispatch, rows_name_the_kernels_in_use) {
  for (const IntDot dot : supported_int_dots()) {
    ASSERT_TRUE(restrict_int_dot(dot));
    const std::string name{dot == IntDot::generic ? "highway" : to_string(dot)};
    for (const KernelRow& row : kernel_rows()) {
      if (row.op == "linear (fast)") {
        EXPECT_THAT(row.implementation, StartsWith(name));
      }
    }
  }
}

}  // namespace
}  // namespace zenith::kernels
