// Which instruction sets this process uses. Chosen once at start by cpuid; tests and users may restrict it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::kernels {

/// Integer-dot kernels by intrinsics, beside Highway's own targets. Ascending preference.
enum class IntDot : std::uint8_t { generic /* Highway: the baseline and up */, avx2, avx_vnni, avx512_vnni };

struct Target {
  std::string highway;  ///< name of Highway's best target in use: "AVX2"
  IntDot int_dot = IntDot::generic;
};

const Target& target() noexcept;

/// "AVX2+avx2/r2": processes of equal strings give equal bits (with equal weights).
std::string numerics_id();

std::vector<IntDot> supported_int_dots();  ///< on this machine, ascending
Status restrict_int_dot(
    IntDot most);  ///< for tests and `ZENITH_KERNELS_MAX`; before models are loaded (packing depends on it)
std::string_view to_string(IntDot) noexcept;
Expected<IntDot> parse_int_dot(std::string_view name);  ///< inverse of to_string

/// One line of `zenith doctor --kernels`: which implementation serves an op.
struct KernelRow {
  std::string op, dtype, device, implementation;
};
std::vector<KernelRow> kernel_rows();

}  // namespace zenith::kernels
