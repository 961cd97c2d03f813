// NumPy's array files, format 1.0.  Source: numpy.lib.format.
#pragma once

#include <filesystem>
#include <span>

#include "zenith/core/error.hpp"

namespace zenith::tools {

/// Writes f32 [rows, columns], C order. @pre values.size() == rows * columns. @returns io; no file is left then.
Status write_npy(const std::filesystem::path& path, std::span<const float> values, std::size_t rows,
                 std::size_t columns);

}  // namespace zenith::tools
