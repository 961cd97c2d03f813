#include "api/form_fields.hpp"

#include <fmt/format.h>

#include "api/fields.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::gateway {

Expected<std::string> form_text(const FormPart& part, std::string_view body, std::size_t most) {
  if (part.filename) return bad_field(part.name, "must be text, not a file");
  if (part.size > most) return bad_field(part.name, fmt::format("must be at most {} bytes long", most));
  std::string text{body.substr(part.offset, part.size)};
  if (!utf8_valid(text)) return bad_field(part.name, "is not UTF-8");
  return text;
}

}  // namespace zenith::gateway
