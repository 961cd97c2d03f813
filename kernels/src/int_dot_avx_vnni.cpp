// Compiled with -mavx2 -mfma -mf16c -mavxvnni: no standard library headers here.
#include <immintrin.h>

#include "int_dot.hpp"

namespace zenith::kernels {
namespace {

#include "int_dot_ops256-inl.hpp"
#include "int_dot_panel-inl.hpp"
#include "int_dot_x86-inl.hpp"

struct OpsAvxVnni : Ops256 {
  static I dot(I acc, I a, I b) { return _mm256_dpwssd_avx_epi32(acc, a, b); }
  static void dot_in_place(I& acc, I a, I b) { acc = dot(acc, a, b); }
};

}  // namespace

constinit const IntDotTable kIntDotAvxVnni = int_dot_table<OpsAvxVnni>();

}  // namespace zenith::kernels
