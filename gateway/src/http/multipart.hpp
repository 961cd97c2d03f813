// The fields of a form that holds files.  Source: RFC 7578, RFC 2046 section 5.1.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::gateway {

struct FormLimits {
  std::size_t parts = 32;
  std::size_t header_bytes = 4096;  ///< of one part
};

/// One field; its content is body[offset, offset + size).
struct FormPart {
  std::string name;
  std::optional<std::string> filename;  ///< there when the field is a file
  std::size_t offset = 0, size = 0;
};

/// Pure and total: any bytes in, fields or invalid_argument out; reads the body once and copies no content. Strict:
/// nothing before the first boundary, nothing but a line end behind the last, every part named.
/// @param content_type the request's header.
Expected<std::vector<FormPart>> parse_multipart(std::string_view content_type, std::string_view body,
                                                const FormLimits& limits = {});

/// True for "multipart/form-data" with whatever parameters.
bool is_multipart(std::string_view content_type) noexcept;

}  // namespace zenith::gateway
