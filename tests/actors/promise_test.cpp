#include "zenith/actors/promise.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace zenith::actors {
namespace {

TEST(promise, only_the_first_answer_counts) {
  std::vector<int> got;
  {
    const Promise<int> p{[&](Expected<int> v) { got.push_back(v.value_or(-1)); }, Error{}};
    const auto copy = p;
    EXPECT_FALSE(p.kept());
    EXPECT_TRUE(copy.keep(1));
    EXPECT_FALSE(p.keep(2));
    EXPECT_TRUE(p.kept());
  }
  EXPECT_EQ(got, std::vector<int>{1});
}

TEST(promise, the_last_copy_breaks_it) {
  std::vector<Errc> got;
  auto p = std::make_unique<Promise<int>>([&](Expected<int> v) { got.push_back(v.error().code); },
                                          Error{Errc::unavailable, "gone", {}, {}});
  auto copy = std::make_unique<Promise<int>>(*p);
  p.reset();
  EXPECT_TRUE(got.empty());
  copy.reset();
  EXPECT_EQ(got, std::vector<Errc>{Errc::unavailable});
}

TEST(promise, an_empty_one_is_kept_already) {
  const Promise<int> none;
  EXPECT_TRUE(none.kept());
  EXPECT_FALSE(none.keep(1));
}

}  // namespace
}  // namespace zenith::actors
