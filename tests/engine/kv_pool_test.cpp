#include <gtest/gtest.h>

#include "zenith/models/engine/kv_pool.hpp"

namespace zenith::models {
namespace {

constexpr KvShape kShape{3, 2, 16, DType::f16};
constexpr std::uint64_t kPageBytes = 3 * 2 * 64 * 2 * 16 * 2;

TEST(kv_pool, is_counted_by_the_ledger_and_refused_before_allocation) {
  MemoryLedger ledger{kPageBytes * 4};
  {
    const auto pool = KvPool::make(kShape, 4, ledger);
    ASSERT_TRUE(pool);
    EXPECT_EQ(ledger.used(), kPageBytes * 4);
  }
  EXPECT_EQ(ledger.used(), 0u);
  const auto pool = KvPool::make(kShape, 5, ledger);
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.error().code, Errc::out_of_memory);
  EXPECT_EQ(KvPool::make({3, 2, 16, DType::q8_0}, 1, ledger).error().code, Errc::unsupported);
  EXPECT_EQ(KvPool::make(kShape, 0, ledger).error().code, Errc::invalid_argument);
}

TEST(kv_pool, layers_of_a_page_do_not_touch) {
  MemoryLedger ledger{1 << 20};
  const auto pool = KvPool::make(kShape, 2, ledger).value();
  const std::ptrdiff_t half = 64 * 2 * 16 * 2;
  EXPECT_EQ(pool->layer(0).v - pool->layer(0).k, half);
  EXPECT_EQ(pool->layer(1).k - pool->layer(0).k, 2 * half);
  EXPECT_EQ(pool->layer(2).page_stride_bytes, kPageBytes);
}

TEST(block_table, reserves_all_or_nothing_and_gives_back) {
  MemoryLedger ledger{1 << 20};
  const auto pool = KvPool::make(kShape, 3, ledger).value();
  BlockTable a{*pool};
  ASSERT_TRUE(a.reserve(65));
  EXPECT_EQ(a.capacity(), 128u);
  EXPECT_EQ(pool->free_pages(), 1u);
  BlockTable b{*pool};
  const auto refused = b.reserve(65);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::overloaded);
  EXPECT_EQ(pool->free_pages(), 1u) << "nothing is kept of a refused reservation";
  a.truncate(64);
  EXPECT_EQ(pool->free_pages(), 2u);
  ASSERT_TRUE(b.reserve(65));
  BlockTable c{std::move(b)};
  EXPECT_EQ(c.capacity(), 128u);
  a = std::move(c);
  EXPECT_EQ(pool->free_pages(), 1u) << "the page that `a` had is back";
}

TEST(block_table, shared_pages_live_until_the_last_holder) {
  MemoryLedger ledger{1 << 20};
  const auto pool = KvPool::make(kShape, 2, ledger).value();
  std::uint32_t page = 0;
  {
    BlockTable a{*pool};
    ASSERT_TRUE(a.reserve(1));
    page = a.pages()[0];
    pool->share(page);
  }
  EXPECT_EQ(pool->free_pages(), 1u);
  pool->release(page);
  EXPECT_EQ(pool->free_pages(), 2u);
}

}  // namespace
}  // namespace zenith::models
