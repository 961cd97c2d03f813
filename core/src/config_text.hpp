// Text rules of configuration values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config_table.hpp"

namespace zenith::config {

/// Empty when `value` is allowed, else what is wrong with it, to follow the key's name: "is 'x': it must be …".
std::string check_config_text(Text kind, const std::string& value);

/// The candidate with the least edit distance (the first of equals). @pre not empty.
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& candidates);

std::vector<std::string> split_commas(std::string_view text);  ///< without empty parts and spaces around parts
std::string environment_name(std::string_view section, std::string_view key);  ///< ZENITH_SECTION_KEY
std::string toml_string(std::string_view text);                                ///< quoted and escaped

}  // namespace zenith::config
