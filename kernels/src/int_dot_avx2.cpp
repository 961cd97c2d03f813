// Compiled with -mavx2 -mfma -mf16c: no standard library headers here.
#include <immintrin.h>

#include "int_dot.hpp"

namespace zenith::kernels {
namespace {

#include "int_dot_ops256-inl.hpp"
#include "int_dot_panel-inl.hpp"
#include "int_dot_x86-inl.hpp"

struct OpsAvx2 : Ops256 {
  static I dot(I acc, I a, I b) { return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b)); }
  /// GCC gathers the products of a tile before it adds them, and so runs out of registers: the addition is pinned.
  static void dot_in_place(I& acc, I a, I b) {
    const I product = _mm256_madd_epi16(a, b);
    __asm__ volatile("vpaddd %1, %0, %0" : "+x"(acc) : "x"(product));
  }
};

}  // namespace

constinit const IntDotTable kIntDotAvx2 = int_dot_table<OpsAvx2>();

}  // namespace zenith::kernels
