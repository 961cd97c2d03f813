#include "zenith/kernels/dispatch.hpp"

#include <fmt/format.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdlib>

#include "int_dot_table.hpp"
#include "zenith/core/log.hpp"

namespace zenith::kernels {
namespace {

constexpr IntDot kAllIntDots[] = {IntDot::generic, IntDot::avx2, IntDot::avx_vnni, IntDot::avx512_vnni};

bool has(IntDot dot) noexcept {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  switch (dot) {
    case IntDot::generic: return true;
    case IntDot::avx2: return avx2;
    case IntDot::avx_vnni: return avx2 && __builtin_cpu_supports("avxvnni");
    case IntDot::avx512_vnni:
      return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vnni");
  }
  return false;
}

std::string highway_target() {
  const std::int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(usable & -usable);
}

/// What the process starts with: the best of the machine, or `ZENITH_KERNELS_MAX` where that is less.
Target detect() {
  Target found{highway_target(), supported_int_dots().back()};
  const char* most = std::getenv("ZENITH_KERNELS_MAX");
  if (most == nullptr) return found;
  const Expected<IntDot> wanted = parse_int_dot(most);
  if (!wanted) {
    log(LogLevel::error, "kernels", wanted.error().message, {{"in", "ZENITH_KERNELS_MAX"}});
  } else {
    found.int_dot = std::min(found.int_dot, *wanted);
  }
  return found;
}

Target& mutable_target() noexcept {
  static Target chosen = detect();
  return chosen;
}

}  // namespace

const Target& target() noexcept { return mutable_target(); }

std::string numerics_id() { return fmt::format("{}+{}/r2", highway_target(), to_string(target().int_dot)); }

std::vector<IntDot> supported_int_dots() {
  std::vector<IntDot> out;
  std::copy_if(std::begin(kAllIntDots), std::end(kAllIntDots), std::back_inserter(out), has);
  return out;
}

Status restrict_int_dot(IntDot most) {
  const std::vector<IntDot> here = supported_int_dots();
  const auto above = std::upper_bound(here.begin(), here.end(), most);
  mutable_target().int_dot = *(above - 1);  // generic is always there and least
  return {};
}

Expected<IntDot> parse_int_dot(std::string_view name) {
  for (const IntDot dot : kAllIntDots)
    if (to_string(dot) == name) return dot;
  return fail(Errc::invalid_argument,
              fmt::format("no integer-dot kernel '{}': use generic, avx2, avx_vnni or avx512_vnni", name));
}

std::string_view to_string(IntDot dot) noexcept {
  switch (dot) {
    case IntDot::generic: return "generic";
    case IntDot::avx2: return "avx2";
    case IntDot::avx_vnni: return "avx_vnni";
    case IntDot::avx512_vnni: return "avx512_vnni";
  }
  return "?";
}

const IntDotTable& int_dot_table(IntDot dot) noexcept {
  switch (dot) {
    case IntDot::generic: return kIntDotGeneric;
    case IntDot::avx2: return kIntDotAvx2;
    case IntDot::avx_vnni: return kIntDotAvxVnni;
    case IntDot::avx512_vnni: return kIntDotAvx512Vnni;
  }
  return kIntDotGeneric;
}

std::vector<KernelRow> kernel_rows() {
  const std::string highway = fmt::format("highway {}", highway_target());
  const std::string integer = target().int_dot == IntDot::generic
                                  ? highway + ", 16-bit activations"
                                  : fmt::format("{} intrinsics, 16-bit activations", to_string(target().int_dot));
  std::vector<KernelRow> rows;
  for (const char* op :
       {"rms_norm", "layer_norm", "rope", "add", "scale", "softcap", "silu_mul", "gelu_tanh_mul", "gelu_erf"})
    rows.push_back({op, "F32", "cpu", highway});
  for (const char* dtype : {"F32", "F16"}) rows.push_back({"attention", dtype, "cpu", highway});
  for (const char* dtype : {"F32", "F16", "BF16"}) rows.push_back({"linear", dtype, "cpu", highway});
  for (const char* dtype : {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"}) {
    rows.push_back({"linear (fast)", dtype, "cpu", integer});
    rows.push_back({"linear (exact)", dtype, "cpu", highway + ", F32 activations"});
  }
  return rows;
}

}  // namespace zenith::kernels
