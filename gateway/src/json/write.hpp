// Value to JSON text, and a writer for the shapes we know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "zenith/core/value.hpp"

namespace zenith::gateway {

/// Appends `text` quoted. @pre text is UTF-8; control characters are escaped.
void append_json_string(std::string& out, std::string_view text);

/// Builds one JSON text left to right; commas come by themselves. Misuse (a value without a key) is a bug of the
/// caller.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view v);
  JsonWriter& integer(std::int64_t v);
  JsonWriter& number(double v);  ///< shortest text that reads back equal; not finite: null
  JsonWriter& number(float v);
  JsonWriter& boolean(bool v);
  JsonWriter& null();
  JsonWriter& value(const Value& v);
  JsonWriter& raw(std::string_view json);  ///< a whole JSON value

  const std::string& text() const noexcept { return out_; }
  std::string take() noexcept { return std::move(out_); }

 private:
  JsonWriter& open(char c);
  JsonWriter& close(char c);
  void separate();
  std::string out_;
  bool fresh_ = true;  ///< nothing before in this object or array, or just after a key
};

}  // namespace zenith::gateway
