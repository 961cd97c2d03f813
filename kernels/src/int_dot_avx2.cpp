// Compiled with -mavx2 -mfma -mf16c: no standard library headers here.
#include <immintrin.h>

#include "int_dot.hpp"

namespace zenith::kernels {
namespace {

#include "int_dot_ops256-inl.hpp"
#include "int_dot_x86-inl.hpp"

struct OpsAvx2 : Ops256 {
  static I dot(I acc, I a, I b) { return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b)); }
};

}  // namespace

constinit const IntDotTable kIntDotAvx2 = int_dot_table<OpsAvx2>();

}  // namespace zenith::kernels
