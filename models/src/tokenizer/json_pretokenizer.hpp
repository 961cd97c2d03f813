// Which of our splitters a tokenizer.json asks for.
#pragma once

#include <nlohmann/json.hpp>

#include "tokenizer/pretokenizer.hpp"
#include "zenith/core/error.hpp"

namespace zenith::models {

/// @param value the `pre_tokenizer` of a byte-level model. @returns unsupported if it is not, word for word, one of the
/// known families.
Expected<const SplitFamily*> split_family_from_json(const nlohmann::json& value);

}  // namespace zenith::models
