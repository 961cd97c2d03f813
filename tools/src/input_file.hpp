// A file that a verb sends to a model.
#pragma once

#include <cstddef>
#include <string>

#include "zenith/core/error.hpp"

namespace zenith::tools {

/// Its bytes. @param most what the model's service takes. @returns not_found, payload_too_large (before it is read),
/// invalid_argument for a folder, a pipe or an empty file, io; all name FILE and the path.
Expected<std::string> read_input_file(const std::string& path, std::size_t most);

}  // namespace zenith::tools
