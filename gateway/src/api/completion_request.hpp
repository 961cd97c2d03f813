// The body of /v1/completions to a typed request.
#pragma once

#include <span>
#include <string>

#include "api/fields.hpp"

namespace zenith::gateway {

std::span<const Field> completion_fields();

/// @returns a draft with one entry in `prompts` for each prompt, or an error whose param names the field.
Expected<Draft> read_completion_request(const Value& body, const std::string& default_model);

}  // namespace zenith::gateway
