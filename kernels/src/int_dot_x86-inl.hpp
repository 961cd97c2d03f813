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

  /// Sums of one block, R rows: acc[r] += values [first, last) * x[r].
  template <size_t R>
  static void block(const unsigned char* w, const int16_t* x, size_t stride, size_t first, size_t last, I (&acc)[R]) {
    for (size_t v = first; v < last; ++v) {
      const I raw = V::load(w + v * sizeof(I));
      constexpr size_t kParts = kFormat.nibble ? 4 : 2;
#pragma GCC unroll 4
      for (size_t part = 0; part < kParts; ++part) {
        const I q = kFormat.nibble ? V::nibble(raw, part) : V::byte(raw, part);
        const int16_t* pair = x + (v * kParts + part) * 2;
#pragma GCC unroll 4
        for (size_t r = 0; r < R; ++r) acc[r] = V::dot(acc[r], q, V::broadcast_pair(pair + r * stride));
      }
    }
  }

  template <size_t R>
  static void tile(const IntDotCall& c, size_t row, const unsigned char* w, F (&sum)[R]) {
    const size_t stride = c.blocks * 32;
    const int16_t* x = c.x + row * stride;
    for (size_t r = 0; r < R; ++r) sum[r] = V::zero_f32();
    for (size_t b = 0; b < c.blocks; ++b, w += kBlockBytes, x += 32) {
      const unsigned char* values = w + kScaleBytes * (1 + kFormat.min + kFormat.halves);
      const float* x_scale = c.x_scale + row * c.blocks + b;
      I acc[R];
      for (size_t r = 0; r < R; ++r)
        acc[r] = kKind == PackKind::nibble_offset
                     ? V::broadcast_int(-kNibbleOffset * c.x_isum[(row + r) * c.blocks + b])
                     : V::zero();
      constexpr size_t kVectors = kFormat.nibble ? 4 : 8;
      constexpr size_t kFirstHalf = kFormat.halves ? kVectors / 2 : kVectors;
      block<R>(values, x, stride, 0, kFirstHalf, acc);
      const F d = scales(w);
#pragma GCC unroll 4
      for (size_t r = 0; r < R; ++r)
        sum[r] = V::fma(V::to_f32(acc[r]), V::mul(d, V::broadcast(x_scale + r * c.blocks)), sum[r]);
      if constexpr (kFormat.halves) {
        for (size_t r = 0; r < R; ++r) acc[r] = V::zero();
        block<R>(values, x, stride, kFirstHalf, kVectors, acc);
        const F second = scales(w + kScaleBytes);
        for (size_t r = 0; r < R; ++r)
          sum[r] = V::fma(V::to_f32(acc[r]), V::mul(second, V::broadcast(x_scale + r * c.blocks)), sum[r]);
      }
      if constexpr (kFormat.min) {
        const F m = scales(w + kScaleBytes);
#pragma GCC unroll 4
        for (size_t r = 0; r < R; ++r) sum[r] = V::fma(m, V::broadcast(c.x_sum + (row + r) * c.blocks + b), sum[r]);
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

  template <size_t R>
  static void rows(const IntDotCall& c, size_t row, size_t out, const unsigned char* w) {
    F sum[R];
    tile<R>(c, row, w, sum);
    for (size_t r = 0; r < R; ++r) store(c, row + r, out, sum[r]);
  }

  static void run(const IntDotCall& c) {
    constexpr size_t kChunk = 64;  // rows whose activations stay in L2 while the weights pass by
    const size_t group_bytes = c.blocks * kBlockBytes;
    for (size_t chunk = 0; chunk < c.rows; chunk += kChunk) {
      const size_t end = c.rows - chunk < kChunk ? c.rows : chunk + kChunk;
      for (size_t out = c.out_begin; out < c.out_end; out += kLanes) {
        const unsigned char* w = c.w + out / kLanes * group_bytes;
        size_t row = chunk;
        for (; row + 4 <= end; row += 4) rows<4>(c, row, out, w);
        switch (end - row) {
          case 3: rows<3>(c, row, out, w); break;
          case 2: rows<2>(c, row, out, w); break;
          case 1: rows<1>(c, row, out, w); break;
          default: break;
        }
      }
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
