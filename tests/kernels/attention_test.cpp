// Attention over paged keys and values against the double reference, and its independence of company, chunks and
// threads.
#include "zenith/kernels/attention.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "support.hpp"
#include "zenith/kernels/reference.hpp"

namespace zenith::kernels {
namespace {

using namespace testing_support;

struct Case {
  const char* name;
  std::size_t heads, kv_heads, head_dim;
  DType dtype;
  float softcap;
  std::uint32_t window;  ///< 0 = all
};

constexpr Case kCases[] = {
    {"smollm2", 9, 3, 64, DType::f16, 0, 0},        {"f32_pool", 9, 3, 64, DType::f32, 0, 0},
    {"multi_head", 4, 4, 32, DType::f16, 0, 0},     {"one_kv_head", 8, 1, 128, DType::f16, 0, 0},
    {"odd_head_f16", 5, 1, 20, DType::f16, 0, 0},   {"odd_head_f32", 6, 2, 40, DType::f32, 0, 0},
    {"softcapped", 4, 2, 64, DType::f16, 20.0F, 0}, {"sliding_window", 4, 2, 64, DType::f16, 0, 70},
};

/// A pool in which two sequences' pages lie interleaved and backwards; unwritten places hold NaN.
class Pool {
 public:
  Pool(const Case& c, std::size_t tokens) : width_(c.kv_heads * c.head_dim), element_(c.dtype == DType::f32 ? 4 : 2) {
    const std::size_t pages = (tokens + kPageTokens - 1) / kPageTokens, page = kPageTokens * width_ * element_;
    memory_.assign(2 * pages * 2 * page, std::byte{0xFF});
    layer_ = {memory_.data(), memory_.data() + page, 2 * page, c.dtype, c.kv_heads, c.head_dim};
    for (std::size_t s = 0; s < 2; ++s)
      for (std::size_t p = 0; p < pages; ++p) table_[s].push_back(static_cast<std::uint32_t>(2 * (pages - 1 - p) + s));
  }
  const KvLayer& layer() const { return layer_; }
  KvRow row(std::size_t sequence, std::uint32_t slot, std::uint32_t first, std::uint32_t last) const {
    return {table_[sequence], slot, first, last};
  }

 private:
  std::size_t width_, element_;
  std::vector<std::byte> memory_;
  KvLayer layer_;
  std::vector<std::uint32_t> table_[2];
};

class Attention : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr std::uint32_t kTokens = 201;

  Attention() : pool(GetParam(), kTokens) {
    const Case& c = GetParam();
    params = {c.heads, 1.0F / std::sqrt(static_cast<float>(c.head_dim)), c.softcap};
    Random random{31};
    const std::size_t kv_width = c.kv_heads * c.head_dim;
    for (std::size_t s = 0; s < 2; ++s) {
      for (std::uint32_t t = 0; t < kTokens; ++t)
        rows.push_back(pool.row(s, t, c.window != 0 && t + 1 > c.window ? t + 1 - c.window : 0, t + 1));
    }
    const auto k = random.normal(rows.size() * kv_width, 1.5F), v = random.normal(rows.size() * kv_width);
    q = random.normal(rows.size() * width(), 2.0F);
    Machine machine;
    kv_store(machine.ex, pool.layer(), rows, view(k, kv_width), view(v, kv_width));
  }

  std::size_t width() const { return GetParam().heads * GetParam().head_dim; }

  std::vector<float> run(std::size_t first, std::size_t count, int threads) {
    Machine machine{threads};
    std::vector<float> y(count * width(), 5.0F);
    attention(machine.ex, pool.layer(), std::span{rows}.subspan(first, count), params,
              view(q, width()).slice(first, count), view(y, width()));
    return y;
  }

  Pool pool;
  AttentionParams params;
  std::vector<KvRow> rows;
  std::vector<float> q;
};

TEST_P(Attention, is_within_tolerance_on_every_target) {
  const auto want = reference::attention(pool.layer(), rows, params, view(q, width()));
  for_each_highway_target([&] { EXPECT_LE(reference::nmse(run(0, rows.size(), 2), want), 1e-10); });
}

TEST_P(Attention, a_row_has_the_same_bits_in_every_company) {
  const auto all = run(0, rows.size(), 1);
  for (const int threads : {1, 2, 3}) {
    for (const std::size_t chunk : {1, 2, 7, 64, 402}) {
      for (std::size_t first = 0; first < rows.size(); first += chunk) {
        if (chunk <= 2 && first % 25 > 1) continue;
        const std::size_t count = std::min(chunk, rows.size() - first);
        ASSERT_TRUE(same_bits(run(first, count, threads), std::span{all}.subspan(first * width(), count * width())))
            << "rows " << first << "+" << count << " on " << threads << " threads";
      }
    }
  }
}

TEST_P(Attention, rows_of_one_sequence_may_see_different_spans) {
  // Bidirectional inside a span, an empty one, and a page in the middle alone.
  std::vector<KvRow> spans;
  for (std::uint32_t t = 0; t < 20; ++t) spans.push_back(pool.row(0, t, 0, 20));
  spans.push_back(pool.row(0, 20, 7, 7));
  spans.push_back(pool.row(0, 21, 70, 90));
  Machine machine;
  std::vector<float> y(spans.size() * width());
  const auto queries = view(q, width()).slice(0, spans.size());
  attention(machine.ex, pool.layer(), spans, params, queries, view(y, width()));
  EXPECT_LE(reference::nmse(y, reference::attention(pool.layer(), spans, params, queries)), 1e-10);
  for (std::size_t c = 0; c < width(); ++c) EXPECT_EQ(y[20 * width() + c], 0.0F);
}

TEST_P(Attention, nan_in_a_query_reaches_its_head_and_no_other_row) {
  const std::size_t bad = 130;
  q[bad * width() + 1] = std::numeric_limits<float>::quiet_NaN();
  for_each_highway_target([&] {
    const auto y = run(0, rows.size(), 2);
    for (std::size_t t = 0; t < rows.size(); ++t)
      for (std::size_t c = 0; c < width(); ++c)
        ASSERT_EQ(std::isnan(y[t * width() + c]), t == bad && c < GetParam().head_dim) << t << "," << c;
  });
}

TEST_P(Attention, large_scores_do_not_overflow) {
  params.scale = 500.0F;
  const auto want = reference::attention(pool.layer(), rows, params, view(q, width()));
  const auto y = run(0, rows.size(), 2);
  for (const float v : y) ASSERT_TRUE(std::isfinite(v));
  EXPECT_LE(reference::nmse(y, want), 1e-4);  // f32 scores of a thousand have errors that e^x makes visible
}

INSTANTIATE_TEST_SUITE_P(kernels, Attention, ::testing::ValuesIn(kCases),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(KvStore, rounds_to_nearest_even_on_every_target) {
  const Case c{"", 1, 1, 20, DType::f16, 0, 0};
  std::vector<float> values;
  for (const float v :
       {0.0F, 1.0F, 1.00048828125F, 1.00146484375F, -65504.0F, 65519.9F, 6.1e-5F, 5.9e-8F, 2.9e-8F, -1e-9F}) {
    values.push_back(v);
    values.push_back(std::nextafter(v, 1e9F));
  }
  for_each_highway_target([&] {
    Pool pool{c, 64};
    Machine machine;
    const KvRow row = pool.row(0, 3, 0, 4);
    kv_store(machine.ex, pool.layer(), {&row, 1}, view(values, 20), view(values, 20));
    for (std::size_t i = 0; i < 20; ++i) {
      const std::size_t page = row.pages[0] * pool.layer().page_stride_bytes;
      std::uint16_t key, value;
      std::memcpy(&key, pool.layer().k + page + (i * kPageTokens + 3) * 2, 2);
      std::memcpy(&value, pool.layer().v + page + (3 * 20 + i) * 2, 2);
      EXPECT_EQ(key, f32_to_f16(values[i])) << values[i];
      EXPECT_EQ(value, f32_to_f16(values[i])) << values[i];
    }
  });
}

}  // namespace
}  // namespace zenith::kernels
