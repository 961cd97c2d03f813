#include "zenith/services/text/fair_queue.hpp"

#include <gtest/gtest.h>

#include <string>

namespace zenith::services {
namespace {

using messages::Priority;
constexpr TenantId kOne{1}, kTwo{2};

std::string drain(FairQueue<char>& q) {
  std::string out;
  while (!q.empty()) out += q.pop();
  return out;
}

TEST(fair_queue, tenants_take_turns_and_each_keeps_its_order) {
  FairQueue<char> q;
  for (const char c : {'a', 'b', 'c', 'd'}) q.push(Priority::normal, kOne, c);
  for (const char c : {'x', 'y'}) q.push(Priority::normal, kTwo, c);
  EXPECT_EQ(*q.front(), 'a');
  EXPECT_EQ(drain(q), "axbycd");
}

TEST(fair_queue, a_higher_priority_goes_first) {
  FairQueue<char> q;
  q.push(Priority::background, kOne, 'b');
  q.push(Priority::normal, kOne, 'n');
  q.push(Priority::interactive, kTwo, 'i');
  EXPECT_EQ(drain(q), "inb");
}

TEST(fair_queue, removing_leaves_no_empty_line_behind) {
  FairQueue<char> q;
  q.push(Priority::normal, kOne, 'a');
  q.push(Priority::normal, kTwo, 'x');
  EXPECT_EQ(q.remove_if([](char c) { return c == 'a'; }), 1u);
  EXPECT_EQ(q.size(), 1u);
  EXPECT_EQ(drain(q), "x");
  EXPECT_EQ(q.front(), nullptr);
}

}  // namespace
}  // namespace zenith::services
