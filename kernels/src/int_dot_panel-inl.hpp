// Many rows at once: the weights of G groups of outputs are unpacked into a panel that stays in L1 and swept over the
// rows. The same integer sums and the same order of float additions as IntDot's, so that a row's bits do not depend on
// which of the two served it. Included as int_dot_x86-inl.hpp is.

template <class V, PackKind kKind, size_t G>
struct Panel {
  static constexpr PackFormat kFormat = pack_format(kKind);
  static constexpr size_t kLanes = V::kLanes;
  static constexpr size_t kScaleBytes = kLanes * (kFormat.f32_scales ? 4 : 2);
  static constexpr size_t kBlockBytes = pack_block_bytes(kKind, kLanes);
  static constexpr size_t kPairs = 16, kHalves = kFormat.halves ? 2 : 1;
  static constexpr size_t kBlocks = 16;  ///< of a panel: 19 KB with 8 lanes, so that the rows' inputs fit in L1 too
  static constexpr size_t kRows = 64;    ///< whose inputs stay in L2 while the panels pass by
  using I = typename V::I;
  using F = typename V::F;

  struct Block {
    I q[kPairs][G];
    F d[kHalves][G], m[G];
  };

  static F scales(const unsigned char* p) { return kFormat.f32_scales ? V::load_f32(p) : V::load_f16(p); }

  static void unpack(const unsigned char* w, size_t group_bytes, size_t blocks, Block* to) {
    constexpr size_t kParts = kFormat.nibble ? 4 : 2;
    for (size_t g = 0; g < G; ++g) {
      const unsigned char* at = w + g * group_bytes;
      for (size_t b = 0; b < blocks; ++b, at += kBlockBytes) {
        for (size_t h = 0; h < kHalves; ++h) to[b].d[h][g] = scales(at + h * kScaleBytes);
        if constexpr (kFormat.min) to[b].m[g] = scales(at + kScaleBytes);
        const unsigned char* values = at + kScaleBytes * (1 + kFormat.min + kFormat.halves);
        for (size_t v = 0; v < kPairs / kParts; ++v) {
          const I raw = V::load(values + v * sizeof(I));
#pragma GCC unroll 4
          for (size_t part = 0; part < kParts; ++part)
            to[b].q[v * kParts + part][g] = kFormat.nibble ? V::nibble(raw, part) : V::byte(raw, part);
        }
      }
    }
  }

  /// Adds `blocks` blocks to the sums of R rows; `block` counts from the rows' start.
  template <size_t R>
  static void sweep(const IntDotCall& c, size_t row, size_t block, size_t blocks, const Block* panel, F (*sums)[G]) {
    const size_t stride = c.blocks * 32;
    const int16_t* x = c.x + row * stride + block * 32;
    F sum[R][G];
    for (size_t r = 0; r < R; ++r)
      for (size_t g = 0; g < G; ++g) sum[r][g] = sums[r][g];
    for (size_t b = 0; b < blocks; ++b, x += 32, ++panel) {
      const size_t at = row * c.blocks + block + b;
#pragma GCC unroll 2
      for (size_t h = 0; h < kHalves; ++h) {
        I acc[R][G];
#pragma GCC unroll 4
        for (size_t r = 0; r < R; ++r)
#pragma GCC unroll 2
          for (size_t g = 0; g < G; ++g)
            acc[r][g] = kKind == PackKind::nibble_offset
                            ? V::broadcast_int(-kNibbleOffset * c.x_isum[at + r * c.blocks])
                            : V::zero();
#pragma GCC unroll 8
        for (size_t p = h * kPairs / kHalves; p < (h + 1) * kPairs / kHalves; ++p) {
          I q[G];
#pragma GCC unroll 2
          for (size_t g = 0; g < G; ++g) q[g] = panel->q[p][g];
#pragma GCC unroll 4
          for (size_t r = 0; r < R; ++r) {
            const I both = V::broadcast_pair(x + r * stride + p * 2);
#pragma GCC unroll 2
            for (size_t g = 0; g < G; ++g) V::dot_in_place(acc[r][g], q[g], both);
          }
        }
#pragma GCC unroll 4
        for (size_t r = 0; r < R; ++r) {
          const F scale = V::broadcast(c.x_scale + at + r * c.blocks);
#pragma GCC unroll 2
          for (size_t g = 0; g < G; ++g)
            sum[r][g] = V::fma(V::to_f32(acc[r][g]), V::mul(panel->d[h][g], scale), sum[r][g]);
        }
      }
      if constexpr (kFormat.min) {
#pragma GCC unroll 4
        for (size_t r = 0; r < R; ++r) {
          const F x_sum = V::broadcast(c.x_sum + at + r * c.blocks);
#pragma GCC unroll 2
          for (size_t g = 0; g < G; ++g) sum[r][g] = V::fma(panel->m[g], x_sum, sum[r][g]);
        }
      }
    }
    for (size_t r = 0; r < R; ++r)
      for (size_t g = 0; g < G; ++g) sums[r][g] = sum[r][g];
  }

  static void sweep_all(const IntDotCall& c, size_t row, size_t end, size_t block, size_t blocks, const Block* panel,
                        F (*sums)[G]) {
    for (; row + 4 <= end; row += 4, sums += 4) sweep<4>(c, row, block, blocks, panel, sums);
    switch (end - row) {
      case 3: return sweep<3>(c, row, block, blocks, panel, sums);
      case 2: return sweep<2>(c, row, block, blocks, panel, sums);
      case 1: return sweep<1>(c, row, block, blocks, panel, sums);
      default: return;
    }
  }

  /// Rows [row, end), at most kRows, of the G groups at `w`. store(row, group, sum).
  template <class Store>
  static void run(const IntDotCall& c, size_t row, size_t end, const unsigned char* w, size_t group_bytes,
                  Store store) {
    Block panel[kBlocks];
    F sums[kRows][G];
    for (size_t r = 0; r < end - row; ++r)
      for (size_t g = 0; g < G; ++g) sums[r][g] = V::zero_f32();
    for (size_t block = 0; block < c.blocks; block += kBlocks) {
      const size_t blocks = c.blocks - block < kBlocks ? c.blocks - block : kBlocks;
      unpack(w + block * kBlockBytes, group_bytes, blocks, panel);
      sweep_all(c, row, end, block, blocks, panel, sums);
    }
    for (size_t r = 0; r < end - row; ++r)
      for (size_t g = 0; g < G; ++g) store(row + r, g, sums[r][g]);
  }
};
