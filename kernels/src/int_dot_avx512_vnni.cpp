// Compiled with -mavx512f -mavx512bw -mavx512vnni and what they imply: no standard library headers here.
#include <immintrin.h>

#include "int_dot.hpp"

namespace zenith::kernels {
namespace {

#include "int_dot_panel-inl.hpp"
#include "int_dot_x86-inl.hpp"

struct Ops512 {
  using I = __m512i;
  using F = __m512;
  static constexpr size_t kLanes = 16;
  static I zero() { return _mm512_setzero_si512(); }
  static F zero_f32() { return _mm512_setzero_ps(); }
  static I load(const void* p) { return _mm512_loadu_si512(p); }
  static F load_f32(const void* p) { return _mm512_loadu_ps(p); }
  static F load_f16(const void* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p))); }
  static void store_f32(float* p, F v) { _mm512_storeu_ps(p, v); }
  static I nibble(I raw, size_t part) {
    if (part == 0) return _mm512_and_si512(raw, _mm512_set1_epi16(15));
    if (part == 3) return _mm512_srli_epi16(raw, 12);
    return _mm512_and_si512(_mm512_srli_epi16(raw, part == 1 ? 4 : 8), _mm512_set1_epi16(15));
  }
  static I nibble_in_place(I raw, size_t part) {
    return _mm512_and_si512(raw, _mm512_set1_epi16(static_cast<short>(15 << (4 * part))));
  }
  static I add_int(I a, I b) { return _mm512_add_epi32(a, b); }
  static I shift_right(I v, int by) { return _mm512_srai_epi32(v, static_cast<unsigned>(by)); }
  static I byte(I raw, size_t part) { return _mm512_srai_epi16(part == 0 ? _mm512_slli_epi16(raw, 8) : raw, 8); }
  static I broadcast_int(int32_t v) { return _mm512_set1_epi32(v); }
  static I broadcast_pair(const int16_t* p) {
    int32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
  }
  static F broadcast(const float* p) { return _mm512_set1_ps(*p); }
  static F to_f32(I v) { return _mm512_cvtepi32_ps(v); }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static I dot(I acc, I a, I b) { return _mm512_dpwssd_epi32(acc, a, b); }
  static void dot_in_place(I& acc, I a, I b) { acc = dot(acc, a, b); }
};

}  // namespace

constinit const IntDotTable kIntDotAvx512Vnni = int_dot_table<Ops512>();

}  // namespace zenith::kernels
