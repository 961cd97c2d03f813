// 256-bit vector operations without the dot product, which AVX2 and AVX-VNNI do differently.

struct Ops256 {
  using I = __m256i;
  using F = __m256;
  static constexpr size_t kLanes = 8;
  static I zero() { return _mm256_setzero_si256(); }
  static F zero_f32() { return _mm256_setzero_ps(); }
  static I load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static F load_f32(const void* p) { return _mm256_loadu_ps(static_cast<const float*>(p)); }
  static F load_f16(const void* p) { return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p))); }
  static void store_f32(float* p, F v) { _mm256_storeu_ps(p, v); }
  static I nibble(I raw, size_t part) {
    if (part == 0) return _mm256_and_si256(raw, _mm256_set1_epi16(15));
    if (part == 3) return _mm256_srli_epi16(raw, 12);
    return _mm256_and_si256(_mm256_srli_epi16(raw, part == 1 ? 4 : 8), _mm256_set1_epi16(15));
  }
  static I nibble_in_place(I raw, size_t part) {
    return _mm256_and_si256(raw, _mm256_set1_epi16(static_cast<short>(15 << (4 * part))));
  }
  static I add_int(I a, I b) { return _mm256_add_epi32(a, b); }
  static I shift_right(I v, int by) { return _mm256_srai_epi32(v, by); }
  static I byte(I raw, size_t part) { return _mm256_srai_epi16(part == 0 ? _mm256_slli_epi16(raw, 8) : raw, 8); }
  static I broadcast_int(int32_t v) { return _mm256_set1_epi32(v); }
  static I broadcast_pair(const int16_t* p) {
    int32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
  }
  static F broadcast(const float* p) { return _mm256_broadcast_ss(p); }
  static F to_f32(I v) { return _mm256_cvtepi32_ps(v); }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
};
