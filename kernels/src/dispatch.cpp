#include "zenith/kernels/dispatch.hpp"

#include <fmt/format.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

namespace zenith::kernels {

const Target& target() noexcept {
  static const Target chosen{"baseline", IntDot::generic};
  return chosen;
}

std::string numerics_id() { return fmt::format("{}+{}/r0", target().highway, to_string(target().int_dot)); }

std::vector<IntDot> supported_int_dots() { return {IntDot::generic}; }

Status restrict_int_dot(IntDot) { return {}; }

std::string_view to_string(IntDot dot) noexcept {
  switch (dot) {
    case IntDot::generic: return "generic";
    case IntDot::avx2: return "avx2";
    case IntDot::avx_vnni: return "avx_vnni";
    case IntDot::avx512_vnni: return "avx512_vnni";
  }
  return "?";
}

std::vector<KernelRow> kernel_rows() { return {}; }

}  // namespace zenith::kernels
