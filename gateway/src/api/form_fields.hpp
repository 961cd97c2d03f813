// Fields of a form, beside its file.
#pragma once

#include <string>
#include <string_view>

#include "http/multipart.hpp"
#include "zenith/core/error.hpp"

namespace zenith::gateway {

/// A field that is text. @returns invalid_argument naming it when it is a file, longer than that or no UTF-8.
Expected<std::string> form_text(const FormPart& part, std::string_view body, std::size_t most);

}  // namespace zenith::gateway
