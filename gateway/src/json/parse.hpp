// JSON text to Value, with every bound explicit. The only place that reads JSON.
#pragma once

#include <cstddef>
#include <string_view>

#include "zenith/core/error.hpp"
#include "zenith/core/value.hpp"

namespace zenith::gateway {

struct JsonLimits {
  std::size_t depth = 64;
  std::size_t nodes = 1u << 20;  ///< values in total: a byte of text can cost 40 of memory
};

/// Strict RFC 8259 in UTF-8: duplicate keys, numbers that overflow a double, lone surrogates, comments and trailing
/// text are refused. Integers beyond int64 become doubles. @returns invalid_argument that names the byte. Total: any
/// bytes give a Value or an error.
Expected<Value> parse_json(std::string_view text, const JsonLimits& limits = {});

/// The member of that name, or null when `object` is no object or has none.
const Value* find(const Value& object, std::string_view key) noexcept;

}  // namespace zenith::gateway
