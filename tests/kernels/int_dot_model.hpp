// Every integer dot of a table against the arithmetic that int_dot.hpp states, in scalar code, to the bit.
// Freestanding: it runs in a test program and without an operating system (bochs/).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "int_dot.hpp"

namespace zenith::kernels::int_dot_model {

/// splitmix64.
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  int32_t between(int32_t low, int32_t high) {
    return low + static_cast<int32_t>(next() % static_cast<uint64_t>(high - low + 1));
  }
  float uniform() { return static_cast<float>(between(-8'000'000, 8'000'000)) * 0x1p-23F; }
};

inline constexpr size_t kMostRows = 11, kMostOut = 67, kMostBlocks = 17, kMostLanes = 16;
inline constexpr size_t kMostGroupedOut = (kMostOut + kMostLanes - 1) / kMostLanes * kMostLanes;

/// Everything that one case needs; large, so the caller owns it.
struct Arena {
  alignas(64) int16_t x[kMostRows * kMostBlocks * 32];
  float x_scale[kMostRows * kMostBlocks], x_sum[kMostRows * kMostBlocks];
  int32_t x_isum[kMostRows * kMostBlocks];
  alignas(64) unsigned char w[kMostGroupedOut * kMostBlocks * (8 + 32)];
  float bias[kMostOut];
  float before[kMostRows * kMostOut], got[kMostRows * kMostOut];
  int32_t q[kMostOut][kMostBlocks * 32];  ///< what was packed, with its offset taken off
  float d[kMostOut][kMostBlocks][2], m[kMostOut][kMostBlocks];
};

struct Case {
  PackKind kind;
  size_t rows, out, blocks;
  bool bias, add;
};

inline float f16_value(uint16_t bits) { return static_cast<float>(__builtin_bit_cast(_Float16, bits)); }

inline void store(unsigned char* at, const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) at[i] = static_cast<const unsigned char*>(from)[i];
}

/// Packs random weights as int_dot.hpp describes the layout, and keeps what they mean.
inline void pack(const Case& c, size_t lanes, Random& random, Arena& a) {
  const PackFormat f = pack_format(c.kind);
  const size_t scale_bytes = f.f32_scales ? 4 : 2, block_bytes = pack_block_bytes(c.kind, lanes);
  for (size_t i = 0; i < sizeof a.w; ++i) a.w[i] = 0;
  for (size_t o = 0; o < c.out; ++o) {
    const size_t lane = o % lanes;
    for (size_t b = 0; b < c.blocks; ++b) {
      unsigned char* block = a.w + (o / lanes * c.blocks + b) * block_bytes;
      const auto scale = [&](size_t which) {
        float value = random.uniform();
        unsigned char* at = block + which * lanes * scale_bytes + lane * scale_bytes;
        if (f.f32_scales) {
          store(at, &value, 4);
        } else {
          const auto half = __builtin_bit_cast(uint16_t, static_cast<_Float16>(value));
          value = f16_value(half);
          store(at, &half, 2);
        }
        return value;
      };
      a.d[o][b][0] = a.d[o][b][1] = scale(0);
      if (f.halves) a.d[o][b][1] = scale(1);
      if (f.min) a.m[o][b] = scale(1);
      unsigned char* values = block + lanes * scale_bytes * (1 + f.min + f.halves);
      for (size_t i = 0; i < 32; ++i) {
        const int32_t q = f.nibble ? random.between(0, 15) : random.between(-128, 127);
        a.q[o][b * 32 + i] = q - (c.kind == PackKind::nibble_offset ? kNibbleOffset : 0);
        const size_t pair = i / 2, word = i % 2;
        if (f.nibble) {
          unsigned char* at = values + ((pair / 4) * lanes + lane) * 4 + word * 2 + pair % 4 / 2;
          *at = static_cast<unsigned char>(*at | q << (4 * (pair % 2)));
        } else {
          values[((pair / 2) * lanes + lane) * 4 + word * 2 + pair % 2] = static_cast<unsigned char>(q);
        }
      }
    }
  }
}

/// The arithmetic of int_dot.hpp for one output of one row. fmaf must be fused.
inline float expected(const Case& c, const Arena& a, size_t row, size_t o) {
  const PackFormat f = pack_format(c.kind);
  float acc = 0;
  for (size_t b = 0; b < c.blocks; ++b) {
    const float x_scale = a.x_scale[row * c.blocks + b];
    for (size_t half = 0; half < (f.halves ? 2U : 1U); ++half) {
      const size_t from = f.halves ? half * 16 : 0, to = f.halves ? from + 16 : 32;
      int32_t sum = 0;
      for (size_t i = from; i < to; ++i) sum += a.q[o][b * 32 + i] * a.x[(row * c.blocks + b) * 32 + i];
      acc = __builtin_fmaf(static_cast<float>(sum), a.d[o][b][half] * x_scale, acc);
    }
    if (f.min) acc = __builtin_fmaf(a.m[o][b], a.x_sum[row * c.blocks + b], acc);
  }
  if (c.bias) acc += a.bias[o];
  return c.add ? a.before[row * c.out + o] + acc : acc;
}

/// @returns how many outputs differ from the model by a bit.
inline size_t run(const IntDotTable& table, const Case& c, uint64_t seed, Arena& a) {
  Random random{seed};
  pack(c, table.lanes, random, a);
  for (size_t t = 0; t < c.rows * c.blocks; ++t) {
    a.x_scale[t] = random.uniform();
    int32_t sum = 0;
    for (size_t i = 0; i < 32; ++i) {
      // Extremes often: sums of 32 of them must not lose a bit either.
      const int32_t v =
          random.next() % 4 == 0 ? (random.next() % 2 == 0 ? 32767 : -32767) : random.between(-32767, 32767);
      a.x[t * 32 + i] = static_cast<int16_t>(v);
      sum += v;
    }
    a.x_isum[t] = sum;
    a.x_sum[t] = a.x_scale[t] * static_cast<float>(sum);
  }
  for (size_t o = 0; o < c.out; ++o) a.bias[o] = random.uniform();
  for (size_t i = 0; i < c.rows * c.out; ++i) a.before[i] = a.got[i] = random.uniform();
  table.run[static_cast<size_t>(c.kind)]({.x = a.x,
                                          .x_scale = a.x_scale,
                                          .x_sum = a.x_sum,
                                          .x_isum = a.x_isum,
                                          .rows = c.rows,
                                          .blocks = c.blocks,
                                          .w = a.w,
                                          .out_begin = 0,
                                          .out_end = c.out,
                                          .y = a.got,
                                          .y_stride = c.out,
                                          .bias = c.bias ? a.bias : nullptr,
                                          .add = c.add});
  size_t wrong = 0;
  for (size_t row = 0; row < c.rows; ++row) {
    for (size_t o = 0; o < c.out; ++o) {
      const float want = expected(c, a, row, o);
      if (__builtin_bit_cast(uint32_t, want) != __builtin_bit_cast(uint32_t, a.got[row * c.out + o])) ++wrong;
    }
  }
  return wrong;
}

/// Every kind, rows of each tile, full and partial groups, and for many rows more blocks than a panel holds.
/// `each(case, wrong outputs)`. @returns the cases run.
template <class Each>
size_t run_all(const IntDotTable& table, Arena& arena, Each each) {
  constexpr size_t kRows[] = {1, 2, 3, 4, 6, 11}, kOut[] = {1, 16, 33, 67}, kBlocks[] = {1, 3, 17};
  size_t cases = 0;
  for (size_t kind = 0; kind < kPackKinds; ++kind) {
    for (const size_t rows : kRows) {
      for (const size_t out : kOut) {
        for (const size_t blocks : kBlocks) {
          if (blocks == 17 && rows != 11) continue;
          const Case c{static_cast<PackKind>(kind), rows, out, blocks, cases % 2 == 0, cases % 3 == 0};
          each(c, run(table, c, 1000 + cases, arena));
          ++cases;
        }
      }
    }
  }
  return cases;
}

}  // namespace zenith::kernels::int_dot_model
