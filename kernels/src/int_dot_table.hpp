#pragma once

#include "int_dot.hpp"
#include "zenith/kernels/dispatch.hpp"

namespace zenith::kernels {

/// The one place where an IntDot becomes code.
const IntDotTable& int_dot_table(IntDot dot) noexcept;

}  // namespace zenith::kernels
