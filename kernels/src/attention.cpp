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
#include "float_dot.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {
namespace {

constexpr std::size_t kRowChunk = 16;  // rows of one sequence that share the pages converted for them

struct Shape {
  const KvLayer& kv;
  const AttentionParams& params;
  std::size_t group, width;  ///< query heads of a KV head; padded head dimension

  std::size_t part_floats() const noexcept { return (group * (width + 2) + 15) / 16 * 16; }
  std::size_t page_floats() const noexcept { return kPageTokens * width; }
};

SoftmaxPart part_at(const Shape& s, float* memory) noexcept {
  return {memory + s.group * s.width, memory + s.group * (s.width + 1), memory};
}

/// The heads `kv_head` serves of one row of q, [group, width] at `to`.
void gather_queries(const Shape& s, const float* q_row, std::size_t kv_head, float* to) noexcept {
  const std::size_t d = s.kv.head_dim;
  for (std::size_t h = 0; h < s.group; ++h, to += s.width) {
    std::memcpy(to, q_row + (kv_head * s.group + h) * d, d * sizeof(float));
    std::fill(to + d, to + s.width, 0.0F);
  }
}

/// Keys (or values) [begin, end) of one page and KV head as f32: in place where that is possible, else in `scratch`.
struct PageView {
  const float* data;
  std::size_t stride;
};
PageView page_floats(const Shape& s, const std::byte* base, std::uint32_t page, std::size_t kv_head, std::size_t begin,
                     std::size_t end, float* scratch) noexcept {
  const std::size_t d = s.kv.head_dim, element = s.kv.dtype == DType::f32 ? 4 : 2, stride = s.kv.kv_heads * d;
  const std::byte* from = base + page * s.kv.page_stride_bytes + (begin * stride + kv_head * d) * element;
  if (s.kv.dtype == DType::f32 && d == s.width && reinterpret_cast<std::uintptr_t>(from) % alignof(float) == 0)
    return {reinterpret_cast<const float*>(from), stride};
  float* to = scratch;
  for (std::size_t j = begin; j < end; ++j, from += stride * element, to += s.width) {
    if (s.kv.dtype == DType::f32)
      std::memcpy(to, from, d * sizeof(float));
    else
      f16_row(from, to, d);
    std::fill(to + d, to + s.width, 0.0F);
  }
  return {scratch, s.width};
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

/// Rows [begin, end), all of one sequence, for one KV head.
void whole_rows(const Shape& s, std::span<const KvRow> rows, View2<const float> q, View2<float> y, std::size_t begin,
                std::size_t end, std::size_t kv_head, float* scratch) noexcept {
  float *k_scratch = scratch, *v_scratch = k_scratch + s.page_floats(), *new_part = v_scratch + s.page_floats();
  float *queries = new_part + s.part_floats(), *parts = queries + kRowChunk * s.group * s.width;
  std::size_t first = rows[begin].first, last = 0;
  const std::uint32_t* pages = rows[begin].pages.data();
  bool started[kRowChunk] = {};
  for (std::size_t t = begin; t < end; ++t) {
    gather_queries(s, q.row(t), kv_head, queries + (t - begin) * s.group * s.width);
    first = std::min<std::size_t>(first, rows[t].first);
    last = std::max<std::size_t>(last, rows[t].last);
  }
  for (std::size_t page = first / kPageTokens; page * kPageTokens < last; ++page) {
    const std::size_t from = std::max(first, page * kPageTokens), to = std::min(last, (page + 1) * kPageTokens);
    const std::uint32_t id = pages[page];
    const PageView k = page_floats(s, s.kv.k, id, kv_head, from % kPageTokens, to - page * kPageTokens, k_scratch);
    const PageView v = page_floats(s, s.kv.v, id, kv_head, from % kPageTokens, to - page * kPageTokens, v_scratch);
    for (std::size_t t = begin; t < end; ++t) {
      const std::size_t j0 = std::max<std::size_t>(from, rows[t].first), j1 = std::min<std::size_t>(to, rows[t].last);
      if (j0 >= j1) continue;
      const SoftmaxPart sum = part_at(s, parts + (t - begin) * s.part_floats()), part = part_at(s, new_part);
      bool& has = started[t - begin];
      attention_block({queries + (t - begin) * s.group * s.width, s.group, s.width, k.data + (j0 - from) * k.stride,
                       v.data + (j0 - from) * v.stride, k.stride, v.stride, j1 - j0, s.params.scale, s.params.softcap},
                      has ? part : sum);
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

std::size_t whole_rows_floats(const Shape& s) noexcept {
  return 2 * s.page_floats() + s.part_floats() + kRowChunk * (s.group * s.width + s.part_floats());
}

/// One page of one row and KV head: a unit of the split over keys.
struct Unit {
  std::size_t row, kv_head, page;
};

void one_unit(const Shape& s, const KvRow& row, const float* q_row, const Unit& unit, float* scratch,
              const SoftmaxPart& out) noexcept {
  float *k_scratch = scratch, *v_scratch = k_scratch + s.page_floats(), *queries = v_scratch + s.page_floats();
  gather_queries(s, q_row, unit.kv_head, queries);
  const std::size_t start = unit.page * kPageTokens;
  const std::size_t j0 = std::max<std::size_t>(start, row.first) - start,
                    j1 = std::min<std::size_t>(start + kPageTokens, row.last) - start;
  const PageView k = page_floats(s, s.kv.k, row.pages[unit.page], unit.kv_head, j0, j1, k_scratch);
  const PageView v = page_floats(s, s.kv.v, row.pages[unit.page], unit.kv_head, j0, j1, v_scratch);
  attention_block(
      {queries, s.group, s.width, k.data, v.data, k.stride, v.stride, j1 - j0, s.params.scale, s.params.softcap}, out);
}

void split_over_keys(Exec& ex, const Shape& s, std::span<const KvRow> rows, View2<const float> q,
                     View2<float> y) noexcept {
  std::size_t count = 0;
  const auto pages_end = [](const KvRow& r) { return (r.last + kPageTokens - 1) / kPageTokens; };
  for (const KvRow& r : rows)
    if (r.first < r.last) count += (pages_end(r) - r.first / kPageTokens) * s.kv.kv_heads;
  const std::span<Unit> units = ex.workspace->take<Unit>(std::max<std::size_t>(count, 1));
  const std::span<float> parts = ex.workspace->take<float>(count * s.part_floats());
  std::size_t n = 0;
  for (std::size_t t = 0; t < rows.size(); ++t)
    for (std::size_t head = 0; head < s.kv.kv_heads; ++head)
      for (std::size_t page = rows[t].first / kPageTokens; rows[t].first < rows[t].last && page < pages_end(rows[t]);
           ++page)
        units[n++] = {t, head, page};
  const std::size_t scratch_floats = 2 * s.page_floats() + s.group * s.width;
  const auto compute = [&](std::size_t begin, std::size_t end, float* scratch) {
    for (std::size_t u = begin; u < end; ++u)
      one_unit(s, rows[units[u].row], q.row(units[u].row), units[u], scratch,
               part_at(s, parts.data() + u * s.part_floats()));
  };
  constexpr std::size_t kWorthAThread = 6;  // units: below, waking threads costs more than it saves
  const auto threads = count < kWorthAThread ? std::size_t{1} : static_cast<std::size_t>(ex.pool->threads());
  const std::span<float> scratch = ex.workspace->take<float>(threads * scratch_floats);
  if (threads == 1) {
    compute(0, count, scratch.data());
  } else {
    ex.pool->run([&](int thread, int) {
      const auto t = static_cast<std::size_t>(thread);
      compute(count * t / threads, count * (t + 1) / threads, scratch.data() + t * scratch_floats);
    });
  }
  for (std::size_t u = 0; u < count;) {
    const Unit& unit = units[u];
    const SoftmaxPart sum = part_at(s, parts.data() + u * s.part_floats());
    for (++u; u < count && units[u].row == unit.row && units[u].kv_head == unit.kv_head; ++u)
      merge_parts(sum, part_at(s, parts.data() + u * s.part_floats()), s.group, s.width);
    finish(s, sum, unit.kv_head, y.row(unit.row));
  }
  for (std::size_t t = 0; t < rows.size(); ++t)
    for (std::size_t head = 0; rows[t].first >= rows[t].last && head < s.kv.kv_heads; ++head)
      no_keys(s, head, y.row(t));
}

}  // namespace

void kv_store(Exec& ex, const KvLayer& kv, std::span<const KvRow> rows, View2<const float> k,
              View2<const float> v) noexcept {
  const std::size_t width = kv.kv_heads * kv.head_dim;
  ex.pool->for_range(rows.size(), 32, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      const std::size_t page = rows[t].pages[rows[t].slot / kPageTokens] * kv.page_stride_bytes;
      const std::size_t at = rows[t].slot % kPageTokens * width;
      const auto put = [&](std::byte* base, const float* from) {
        if (kv.dtype == DType::f32)
          std::memcpy(base + page + at * sizeof(float), from, width * sizeof(float));
        else
          store_half(from, reinterpret_cast<std::uint16_t*>(base + page) + at, width);
      };
      put(kv.k, k.row(t));
      put(kv.v, v.row(t));
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
  ex.pool->run([&](int thread, int) {
    // Round robin: later rows see more keys.
    for (std::size_t item = static_cast<std::size_t>(thread); item < items; item += threads) {
      const Chunk chunk = chunks[item / kv.kv_heads];
      whole_rows(s, rows, q, y, chunk.begin, chunk.end, item % kv.kv_heads,
                 scratch.data() + static_cast<std::size_t>(thread) * scratch_floats);
    }
  });
}

}  // namespace zenith::kernels
