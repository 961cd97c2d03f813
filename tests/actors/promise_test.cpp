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

TEST(promise, who_owes_the_answer_hears_that_nobody_waits) {
  for (const bool before : {true, false}) {
    int told = 0;
    const Promise<int> p{[](const Expected<int>&) {}, Error{}};
    const auto give_up = p.breaker();
    if (before) give_up(Error{});
    p.on_given_up([&] { ++told; });
    EXPECT_EQ(told, before ? 1 : 0);
    give_up(Error{});
    EXPECT_EQ(told, 1);
  }
}

TEST(promise, an_answer_is_not_giving_up) {
  int told = 0;
  const Promise<int> p{[](const Expected<int>&) {}, Error{}};
  p.on_given_up([&] { ++told; });
  p.keep(1);
  p.breaker()(Error{});
  EXPECT_EQ(told, 0);
}

TEST(promise, an_empty_one_is_kept_already) {
  const Promise<int> none;
  EXPECT_TRUE(none.kept());
  EXPECT_FALSE(none.keep(1));
}

}  // namespace
}  // namespace zenith::actors
