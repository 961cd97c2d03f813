// How attention is cut into parts and put together again. attention_block.cpp has the arithmetic.
//
// Every row's keys are cut at page borders, each cut is a SoftmaxPart of its own, and the parts are merged in the order
// of keys. That is the whole definition of the result, so that any thread may compute any part: long contexts of few
// rows are split over keys (decode), many rows over rows (prefill), with the same bits.
#include "zenith/kernels/attention.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "attention_block.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {
namespace {

constexpr std::size_t kRowChunk = 16;  // rows of one sequence that share the pages converted for them

struct Shape {
  const KvLayer& kv;
  const AttentionParams& params;
  std::size_t group, width;  ///< query heads of a KV head; padded head dimension

  std::size_t part_floats() const noexcept { return (group * (width + 2) + 15) / 16 * 16; }
};

SoftmaxPart part_at(const Shape& s, float* memory) noexcept {
  return {memory + s.group * s.width, memory + s.group * (s.width + 1), memory};
}

std::size_t first_page(const KvRow& row) noexcept { return row.first / kPageTokens; }
std::size_t pages_end(const KvRow& row) noexcept { return (row.last + kPageTokens - 1) / kPageTokens; }

/// One page of one row and KV head. @pre the row sees keys of that page.
void one_page(const Shape& s, const KvRow& row, const float* q_row, std::size_t kv_head, std::size_t page,
              const SoftmaxPart& out) noexcept {
  const std::size_t d = s.kv.head_dim, element = s.kv.dtype == DType::f32 ? 4 : 2, start = page * kPageTokens;
  const std::size_t at = row.pages[page] * s.kv.page_stride_bytes;
  attention_block({.q = q_row + kv_head * s.group * d,
                   .heads = s.group,
                   .head_dim = d,
                   .k = s.kv.k + at + kv_head * d * kPageTokens * element,
                   .v = s.kv.v + at + kv_head * d * element,
                   .v_stride = s.kv.kv_heads * d,
                   .half = s.kv.dtype == DType::f16,
                   .first = std::max<std::size_t>(start, row.first) - start,
                   .last = std::min<std::size_t>(start + kPageTokens, row.last) - start,
                   .scale = s.params.scale,
                   .softcap = s.params.softcap},
                  out);
}

void finish(const Shape& s, const SoftmaxPart& part, std::size_t kv_head, float* y_row) noexcept {
  const std::size_t d = s.kv.head_dim;
  for (std::size_t h = 0; h < s.group; ++h)
    for (std::size_t c = 0; c < d; ++c)
      y_row[(kv_head * s.group + h) * d + c] = part.weighted[h * s.width + c] / part.sum[h];
}

void no_keys(const Shape& s, std::size_t kv_head, float* y_row) noexcept {
  std::fill_n(y_row + kv_head * s.group * s.kv.head_dim, s.group * s.kv.head_dim, 0.0F);
}

/// Rows [begin, end), all of one sequence, for one KV head: page by page, so that the rows share it in the cache.
void whole_rows(const Shape& s, std::span<const KvRow> rows, View2<const float> q, View2<float> y, std::size_t begin,
                std::size_t end, std::size_t kv_head, float* scratch) noexcept {
  float *new_part = scratch, *parts = new_part + s.part_floats();
  std::size_t page = first_page(rows[begin]), pages = 0;
  bool started[kRowChunk] = {};
  for (std::size_t t = begin; t < end; ++t) {
    page = std::min(page, first_page(rows[t]));
    pages = std::max(pages, pages_end(rows[t]));
  }
  for (; page < pages; ++page) {
    for (std::size_t t = begin; t < end; ++t) {
      if (rows[t].first >= rows[t].last || page < first_page(rows[t]) || page >= pages_end(rows[t])) continue;
      const SoftmaxPart sum = part_at(s, parts + (t - begin) * s.part_floats()), part = part_at(s, new_part);
      bool& has = started[t - begin];
      one_page(s, rows[t], q.row(t), kv_head, page, has ? part : sum);
      if (has) merge_parts(sum, part, s.group, s.width);
      has = true;
    }
  }
  for (std::size_t t = begin; t < end; ++t) {
    if (started[t - begin])
      finish(s, part_at(s, parts + (t - begin) * s.part_floats()), kv_head, y.row(t));
    else
      no_keys(s, kv_head, y.row(t));
  }
}

std::size_t whole_rows_floats(const Shape& s) noexcept { return (1 + kRowChunk) * s.part_floats(); }

/// One page of one row and KV head: a unit of the split over keys. In the order of memory: a page's KV heads together.
struct Unit {
  std::size_t row, page, kv_head;
};

void split_over_keys(Exec& ex, const Shape& s, std::span<const KvRow> rows, View2<const float> q,
                     View2<float> y) noexcept {
  const std::size_t heads = s.kv.kv_heads;
  const auto pages_of = [](const KvRow& r) { return r.first < r.last ? pages_end(r) - first_page(r) : 0; };
  std::size_t count = 0;
  for (const KvRow& r : rows) count += pages_of(r) * heads;
  const std::span<Unit> units = ex.workspace->take<Unit>(std::max<std::size_t>(count, 1));
  const std::span<float> parts = ex.workspace->take<float>(count * s.part_floats());
  std::size_t n = 0;
  for (std::size_t t = 0; t < rows.size(); ++t)
    for (std::size_t page = 0; page < pages_of(rows[t]); ++page)
      for (std::size_t head = 0; head < heads; ++head) units[n++] = {t, first_page(rows[t]) + page, head};
  const auto compute = [&](std::size_t begin, std::size_t end) {
    for (std::size_t u = begin; u < end; ++u)
      one_page(s, rows[units[u].row], q.row(units[u].row), units[u].kv_head, units[u].page,
               part_at(s, parts.data() + u * s.part_floats()));
  };
  constexpr std::size_t kWorthAThread = 6;  // units: below, waking threads costs more than it saves
  if (count < kWorthAThread)
    compute(0, count);
  else
    ex.pool->for_range(count, 1, compute);
  for (std::size_t t = 0, first = 0; t < rows.size(); ++t) {
    const std::size_t end = first + pages_of(rows[t]) * heads;
    for (std::size_t head = 0; head < heads; ++head) {
      if (first == end) {
        no_keys(s, head, y.row(t));
        continue;
      }
      const SoftmaxPart sum = part_at(s, parts.data() + (first + head) * s.part_floats());
      for (std::size_t u = first + head + heads; u < end; u += heads)
        merge_parts(sum, part_at(s, parts.data() + u * s.part_floats()), s.group, s.width);
      finish(s, sum, head, y.row(t));
    }
    first = end;
  }
}

/// A token's K among those of its page: one element in each of the page's columns.
template <class T>
void scatter(const T* from, std::byte* page, std::size_t index, std::size_t width) noexcept {
  T* to = reinterpret_cast<T*>(page) + index;
  for (std::size_t c = 0; c < width; ++c) to[c * kPageTokens] = from[c];
}

}  // namespace

void kv_store(Exec& ex, const KvLayer& kv, std::span<const KvRow> rows, View2<const float> k,
              View2<const float> v) noexcept {
  const std::size_t width = kv.kv_heads * kv.head_dim;
  Workspace::Scope scope{*ex.workspace};
  const std::span<std::uint16_t> halves = ex.workspace->take<std::uint16_t>(rows.size() * width);
  // Two rows of a page write into the same cache lines: threads take rows by the 32.
  ex.pool->for_range(rows.size(), 32, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const std::size_t page = rows[t].pages[rows[t].slot / kPageTokens] * kv.page_stride_bytes;
      const std::size_t index = rows[t].slot % kPageTokens;
      if (kv.dtype == DType::f32) {
        scatter(k.row(t), kv.k + page, index, width);
        std::memcpy(kv.v + page + index * width * sizeof(float), v.row(t), width * sizeof(float));
      } else {
        std::uint16_t* half = halves.data() + t * width;
        store_half(k.row(t), half, width);
        scatter(half, kv.k + page, index, width);
        store_half(v.row(t), reinterpret_cast<std::uint16_t*>(kv.v + page) + index * width, width);
      }
    }
  });
}

void attention(Exec& ex, const KvLayer& kv, std::span<const KvRow> rows, const AttentionParams& params,
               View2<const float> q, View2<float> y) noexcept {
  assert(kv.kv_heads > 0 && params.heads % kv.kv_heads == 0);
  const Shape s{kv, params, params.heads / kv.kv_heads, padded(kv.head_dim)};
  Workspace::Scope scope{*ex.workspace};
  const auto threads = static_cast<std::size_t>(ex.pool->threads());
  constexpr std::size_t kManyRows = 4;  // items of whole rows a thread, from which on the split needs no keys
  if (rows.size() * kv.kv_heads < kManyRows * threads) return split_over_keys(ex, s, rows, q, y);

  struct Chunk {
    std::size_t begin, end;
  };
  const std::span<Chunk> chunks = ex.workspace->take<Chunk>(rows.size());
  std::size_t count = 0;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    const bool joins =
        count > 0 && t - chunks[count - 1].begin < kRowChunk && rows[t].pages.data() == rows[t - 1].pages.data();
    if (joins)
      chunks[count - 1].end = t + 1;
    else
      chunks[count++] = {t, t + 1};
  }
  const std::size_t scratch_floats = whole_rows_floats(s), items = count * kv.kv_heads;
  const std::span<float> scratch = ex.workspace->take<float>(threads * scratch_floats);
  ex.pool->for_range(items, 1, [&](int thread, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t item = i % 2 == 0 ? i / 2 : items - 1 - i / 2;  // later rows see more keys: few beside many
      const Chunk chunk = chunks[item / kv.kv_heads];
      whole_rows(s, rows, q, y, chunk.begin, chunk.end, item % kv.kv_heads,
                 scratch.data() + static_cast<std::size_t>(thread) * scratch_floats);
    }
  });
}

}  // namespace zenith::kernels
