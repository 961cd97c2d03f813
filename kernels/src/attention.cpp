#include "zenith/kernels/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "zenith/kernels/dequantize.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::kernels {
namespace {

void load_head(const KvLayer& kv, const std::byte* base, const KvRow& row, std::size_t index, std::size_t head, float* out) noexcept {
  const std::byte* page = base + row.pages[index / kPageTokens] * kv.page_stride_bytes;
  const std::size_t at = ((index % kPageTokens) * kv.kv_heads + head) * kv.head_dim;
  if (kv.dtype == DType::f32) {
    std::memcpy(out, page + at * 4, kv.head_dim * 4);
    return;
  }
  for (std::size_t c = 0; c < kv.head_dim; ++c) {
    std::uint16_t bits;
    std::memcpy(&bits, page + (at + c) * 2, 2);
    out[c] = f16_to_f32(bits);
  }
}

}  // namespace

void kv_store(Exec&, const KvLayer& kv, std::span<const KvRow> rows, View2<const float> k, View2<const float> v) noexcept {
  const std::size_t width = kv.kv_heads * kv.head_dim;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    const std::size_t page = rows[t].pages[rows[t].slot / kPageTokens] * kv.page_stride_bytes, at = rows[t].slot % kPageTokens * width;
    const auto put = [&](std::byte* base, const float* from) {
      if (kv.dtype == DType::f32) {
        std::memcpy(base + page + at * 4, from, width * 4);
        return;
      }
      for (std::size_t c = 0; c < width; ++c) {
        const std::uint16_t bits = f32_to_f16(from[c]);
        std::memcpy(base + page + (at + c) * 2, &bits, 2);
      }
    };
    put(kv.k, k.row(t));
    put(kv.v, v.row(t));
  }
}

void attention(Exec& ex, const KvLayer& kv, std::span<const KvRow> rows, const AttentionParams& params, View2<const float> q,
               View2<float> y) noexcept {
  const std::size_t group = params.heads / kv.kv_heads, d = kv.head_dim;
  Workspace::Scope scope{*ex.workspace};
  const std::size_t threads = static_cast<std::size_t>(ex.pool->threads());
  const std::span<float> scratch = ex.workspace->take<float>(threads * (d + kPageTokens));
  ex.pool->run([&](int thread, int) {
    float *vec = scratch.data() + static_cast<std::size_t>(thread) * (d + kPageTokens), *score = vec + d;
    const std::size_t items = rows.size() * params.heads;
    for (std::size_t item = items * thread / threads; item < items * (thread + 1) / threads; ++item) {
      const std::size_t t = item / params.heads, h = item % params.heads;
      const KvRow& row = rows[t];
      float* out = y.row(t) + h * d;
      std::fill(out, out + d, 0.0F);
      float most = -std::numeric_limits<float>::infinity(), sum = 0;
      for (std::size_t begin = row.first; begin < row.last;) {
        const std::size_t end = std::min<std::size_t>(row.last, (begin / kPageTokens + 1) * kPageTokens);
        float block_most = most;
        for (std::size_t j = begin; j < end; ++j) {
          load_head(kv, kv.k, row, j, h / group, vec);
          float s = 0;
          for (std::size_t c = 0; c < d; ++c) s += q.row(t)[h * d + c] * vec[c];
          s *= params.scale;
          if (params.softcap != 0.0F) s = params.softcap * std::tanh(s / params.softcap);
          score[j - begin] = s;
          block_most = std::max(block_most, s);
        }
        const float keep = std::exp(most - block_most);
        most = block_most;
        sum *= keep;
        for (std::size_t c = 0; c < d; ++c) out[c] *= keep;
        for (std::size_t j = begin; j < end; ++j) {
          load_head(kv, kv.v, row, j, h / group, vec);
          const float p = std::exp(score[j - begin] - most);
          sum += p;
          for (std::size_t c = 0; c < d; ++c) out[c] += p * vec[c];
        }
        begin = end;
      }
      for (std::size_t c = 0; c < d; ++c) out[c] /= sum;
    }
  });
}

}  // namespace zenith::kernels
