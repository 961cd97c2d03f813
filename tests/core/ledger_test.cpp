#include "zenith/core/ledger.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace zenith {
namespace {

TEST(Ledger, RefusalNamesOwnerAndMissingBytes) {
  MemoryLedger ledger(1000);
  auto first = ledger.reserve("weights", 700);
  ASSERT_TRUE(first);
  const auto second = ledger.reserve("kv", 400);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::out_of_memory);
  EXPECT_NE(second.error().message.find("kv needs 400 bytes"), std::string::npos) << second.error().message;
  EXPECT_NE(second.error().message.find("100 are missing"), std::string::npos) << second.error().message;
  EXPECT_EQ(ledger.used(), 700U);
}

TEST(Ledger, AReservationGivesBackOnceAtItsEnd) {
  MemoryLedger ledger(1000);
  {
    auto reserved = ledger.reserve("kv", 600);
    ASSERT_TRUE(reserved);
    Reservation moved = std::move(*reserved);
    EXPECT_EQ(moved.bytes(), 600U);
    moved.release();
    moved.release();
    EXPECT_EQ(ledger.used(), 0U);
    moved = std::move(*ledger.reserve("kv", 1000));
    EXPECT_EQ(ledger.used(), 1000U);
  }
  EXPECT_EQ(ledger.used(), 0U);
  ASSERT_EQ(ledger.by_owner().size(), 1U);
  EXPECT_EQ(ledger.by_owner()[0], (std::pair<std::string, std::uint64_t>{"kv", 0}));
}

TEST(Ledger, AHugeRequestDoesNotWrap) {
  MemoryLedger ledger(1000);
  auto one = ledger.reserve("a", 1);
  EXPECT_FALSE(ledger.reserve("b", UINT64_MAX));
  EXPECT_EQ(ledger.used(), 1U);
}

TEST(Ledger, ThreadsNeverGetMoreThanTheBudget) {
  MemoryLedger ledger(100);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        auto got = ledger.reserve("x", 30);
        EXPECT_LE(ledger.used(), 100U);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(ledger.used(), 0U);
}

TEST(Ledger, TheHostHasMemory) { EXPECT_GT(available_memory_bytes(), 0U); }

}  // namespace
}  // namespace zenith
