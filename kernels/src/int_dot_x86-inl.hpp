// The integer dot product by intrinsics, over a struct of vector operations `V`. Included by one file for each
// instruction set, inside its anonymous namespace: nothing here may be shared between differently compiled files.

template <class V, PackKind kKind>
struct IntDot {
  static constexpr PackFormat kFormat = pack_format(kKind);
  static constexpr size_t kLanes = V::kLanes;
  static constexpr size_t kScaleBytes = kLanes * (kFormat.f32_scales ? 4 : 2);
  static constexpr size_t kBlockBytes = pack_block_bytes(kKind, kLanes);
  using I = typename V::I;
  using F = typename V::F;

  static F scales(const unsigned char* p) { return kFormat.f32_scales ? V::load_f32(p) : V::load_f16(p); }

  /// Sums of one block for R rows and G groups: acc[g][r] += values [first, last) of group g * x[r].
  template <size_t R, size_t G>
  static void block(const unsigned char* const (&w)[G], const int16_t* x, size_t stride, size_t first, size_t last,
                    I (&acc)[G][R]) {
    constexpr size_t kParts = kFormat.nibble ? 4 : 2;
    for (size_t v = first; v < last; ++v) {
      I raw[G];
#pragma GCC unroll 2
      for (size_t g = 0; g < G; ++g) raw[g] = V::load(w[g] + v * sizeof(I));
#pragma GCC unroll 4
      for (size_t part = 0; part < kParts; ++part) {
        const int16_t* pair = x + (v * kParts + part) * 2;
        I q[G];
#pragma GCC unroll 2
        for (size_t g = 0; g < G; ++g) q[g] = kFormat.nibble ? V::nibble(raw[g], part) : V::byte(raw[g], part);
#pragma GCC unroll 4
        for (size_t r = 0; r < R; ++r) {
          const I both = V::broadcast_pair(pair + r * stride);
#pragma GCC unroll 2
          for (size_t g = 0; g < G; ++g) V::dot_in_place(acc[g][r], q[g], both);
        }
      }
    }
  }

  /// The same for nibbles and one row, with fewer shifts: nibbles 1 and 2 of a word stay where they are, and their
  /// sums, 16 and 256 times too large, are divided at the end. |sum| <= 0xF00 * 32767 * 8 < 2^30, so nothing is lost.
  template <size_t G>
  static void block_in_place(const unsigned char* const (&w)[G], const int16_t* x, I (&acc)[G][1]) {
    I by16[G], by256[G];
#pragma GCC unroll 2
    for (size_t g = 0; g < G; ++g) by16[g] = by256[g] = V::zero();
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; ++v, x += 8) {
      const I x0 = V::broadcast_pair(x), x1 = V::broadcast_pair(x + 2), x2 = V::broadcast_pair(x + 4),
              x3 = V::broadcast_pair(x + 6);
#pragma GCC unroll 2
      for (size_t g = 0; g < G; ++g) {
        const I raw = V::load(w[g] + v * sizeof(I));
        acc[g][0] = V::dot(acc[g][0], V::nibble(raw, 0), x0);
        by16[g] = V::dot(by16[g], V::nibble_in_place(raw, 1), x1);
        by256[g] = V::dot(by256[g], V::nibble_in_place(raw, 2), x2);
        acc[g][0] = V::dot(acc[g][0], V::nibble(raw, 3), x3);
      }
    }
#pragma GCC unroll 2
    for (size_t g = 0; g < G; ++g)
      acc[g][0] = V::add_int(acc[g][0], V::add_int(V::shift_right(by16[g], 4), V::shift_right(by256[g], 8)));
  }

  /// One row is bound by memory. The block that lies G groups ahead is fetched while this one is multiplied: the
  /// processor's own prefetching stops at a page and begins anew with every group.
  template <size_t G>
  static void fetch_ahead(const unsigned char* w, size_t group_bytes) {
#pragma GCC unroll 2
    for (size_t g = 0; g < G; ++g)
#pragma GCC unroll 8
      for (size_t line = 0; line < kBlockBytes; line += 64) __builtin_prefetch(w + (G + g) * group_bytes + line);
  }

  /// Rows [row, row + R), groups of outputs at w, w + group_bytes, ...
  template <size_t R, size_t G>
  static void tile(const IntDotCall& c, size_t row, const unsigned char* w, size_t group_bytes, F (&sum)[G][R]) {
    const size_t stride = c.blocks * 32;
    const int16_t* x = c.x + row * stride;
    for (size_t g = 0; g < G; ++g)
      for (size_t r = 0; r < R; ++r) sum[g][r] = V::zero_f32();
    for (size_t b = 0; b < c.blocks; ++b, w += kBlockBytes, x += 32) {
      const float* x_scale = c.x_scale + row * c.blocks + b;
      const float* x_sum = c.x_sum + row * c.blocks + b;
      if constexpr (R == 1) fetch_ahead<G>(w, group_bytes);
      const unsigned char* values[G];
      I acc[G][R];
#pragma GCC unroll 2
      for (size_t g = 0; g < G; ++g) {
        values[g] = w + g * group_bytes + kScaleBytes * (1 + kFormat.min + kFormat.halves);
#pragma GCC unroll 4
        for (size_t r = 0; r < R; ++r)
          acc[g][r] = kKind == PackKind::nibble_offset
                          ? V::broadcast_int(-kNibbleOffset * c.x_isum[(row + r) * c.blocks + b])
                          : V::zero();
      }
      constexpr size_t kVectors = kFormat.nibble ? 4 : 8;
      constexpr size_t kFirstHalf = kFormat.halves ? kVectors / 2 : kVectors;
      if constexpr (R == 1 && kFormat.nibble)
        block_in_place<G>(values, x, acc);
      else
        block<R, G>(values, x, stride, 0, kFirstHalf, acc);
#pragma GCC unroll 2
      for (size_t g = 0; g < G; ++g) {
        const F d = scales(w + g * group_bytes);
#pragma GCC unroll 4
        for (size_t r = 0; r < R; ++r)
          sum[g][r] = V::fma(V::to_f32(acc[g][r]), V::mul(d, V::broadcast(x_scale + r * c.blocks)), sum[g][r]);
      }
      if constexpr (kFormat.halves) {
        for (size_t g = 0; g < G; ++g)
          for (size_t r = 0; r < R; ++r) acc[g][r] = V::zero();
        block<R, G>(values, x, stride, kFirstHalf, kVectors, acc);
        for (size_t g = 0; g < G; ++g) {
          const F d = scales(w + g * group_bytes + kScaleBytes);
          for (size_t r = 0; r < R; ++r)
            sum[g][r] = V::fma(V::to_f32(acc[g][r]), V::mul(d, V::broadcast(x_scale + r * c.blocks)), sum[g][r]);
        }
      }
      if constexpr (kFormat.min) {
#pragma GCC unroll 2
        for (size_t g = 0; g < G; ++g) {
          const F m = scales(w + g * group_bytes + kScaleBytes);
#pragma GCC unroll 4
          for (size_t r = 0; r < R; ++r) sum[g][r] = V::fma(m, V::broadcast(x_sum + r * c.blocks), sum[g][r]);
        }
      }
    }
  }

  static void store(const IntDotCall& c, size_t row, size_t out, F sum) {
    float* y = c.y + row * c.y_stride + out;
    if (out + kLanes <= c.out_end) {
      if (c.bias != nullptr) sum = V::add(sum, V::load_f32(c.bias + out));
      if (c.add) sum = V::add(V::load_f32(y), sum);
      V::store_f32(y, sum);
      return;
    }
    alignas(64) float lanes[kLanes];
    V::store_f32(lanes, sum);
    for (size_t i = 0; out + i < c.out_end; ++i) {
      const float v = c.bias != nullptr ? lanes[i] + c.bias[out + i] : lanes[i];
      y[i] = c.add ? y[i] + v : v;
    }
  }

  template <size_t R, size_t G>
  static void rows(const IntDotCall& c, size_t row, size_t out, const unsigned char* w, size_t group_bytes) {
    F sum[G][R];
    tile<R, G>(c, row, w, group_bytes, sum);
    for (size_t g = 0; g < G; ++g)
      for (size_t r = 0; r < R; ++r) store(c, row + r, out + g * kLanes, sum[g][r]);
  }

  template <size_t G>
  static void few_rows(const IntDotCall& c, size_t out, const unsigned char* w, size_t group_bytes) {
    size_t row = 0;
    for (; row + 4 <= c.rows; row += 4) rows<4, G>(c, row, out, w, group_bytes);
    switch (c.rows - row) {
      case 3: return rows<3, G>(c, row, out, w, group_bytes);
      case 2: return rows<2, G>(c, row, out, w, group_bytes);
      case 1: return rows<1, G>(c, row, out, w, group_bytes);
      default: return;
    }
  }

  template <size_t G>
  static void many_rows(const IntDotCall& c, size_t row, size_t end, size_t out, const unsigned char* w,
                        size_t group_bytes) {
    Panel<V, kKind, G>::run(c, row, end, w, group_bytes,
                            [&](size_t r, size_t g, F sum) { store(c, r, out + g * kLanes, sum); });
  }

  /// Two groups share the broadcasts of the activations.
  static void run(const IntDotCall& c) {
    constexpr size_t kManyRows = 8;  // from here on unpacking into a panel costs less than it saves
    constexpr size_t kChunk = Panel<V, kKind, 2>::kRows;
    const size_t group_bytes = c.blocks * kBlockBytes;
    const unsigned char* first = c.w + c.out_begin / kLanes * group_bytes;
    for (size_t row = 0; row < c.rows; row += kChunk) {
      const size_t end = c.rows - row < kChunk ? c.rows : row + kChunk;
      const unsigned char* w = first;
      size_t out = c.out_begin;
      for (; out + kLanes < c.out_end; out += 2 * kLanes, w += 2 * group_bytes)
        c.rows < kManyRows ? few_rows<2>(c, out, w, group_bytes) : many_rows<2>(c, row, end, out, w, group_bytes);
      if (out < c.out_end)
        c.rows < kManyRows ? few_rows<1>(c, out, w, group_bytes) : many_rows<1>(c, row, end, out, w, group_bytes);
    }
  }
};

template <class V>
constexpr IntDotTable int_dot_table() {
  return {V::kLanes,
          {IntDot<V, PackKind::nibble_offset>::run, IntDot<V, PackKind::nibble_min>::run,
           IntDot<V, PackKind::nibble_min_f32>::run, IntDot<V, PackKind::byte>::run, IntDot<V, PackKind::byte_min>::run,
           IntDot<V, PackKind::byte_min_f32>::run, IntDot<V, PackKind::byte_halves_f32>::run}};
}
