#include "zenith/core/error.hpp"

#include <set>

#include <gtest/gtest.h>

namespace zenith {
namespace {

TEST(Error, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Errc::internal); ++code) names.insert(to_string(static_cast<Errc>(code)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Errc::internal) + 1);
  EXPECT_EQ(to_string(Errc::context_overflow), "context_overflow");
}

TEST(Error, FailCarriesCodeTextAndField) {
  const Status status = fail(Errc::bad_file, "tensor 'x' ends at 10, the file at 8", "x");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::bad_file);
  EXPECT_EQ(status.error().param, "x");
  EXPECT_EQ(status.error().message, "tensor 'x' ends at 10, the file at 8");
}

}  // namespace
}  // namespace zenith
