#include "http/multipart.hpp"

#include <fmt/format.h>

#include "http/message.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::gateway {
namespace {

constexpr std::size_t kLongestBoundary = 70, kLongestName = 256;

tl::unexpected<Error> bad(std::string what) {
  return fail(Errc::invalid_argument, "the body is no whole multipart/form-data: " + std::move(what));
}

/// The value at the front of `rest`, quoted or not, taken off it. @returns nothing when a quote is not closed.
std::optional<std::string> take_value(std::string_view& rest) {
  std::string out;
  if (rest.empty() || rest.front() != '"') {
    const auto end = std::min(rest.find(';'), rest.size());
    out = trim(rest.substr(0, end));
    rest.remove_prefix(end);
    return out;
  }
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\')) ++i;
    out += rest[i];
  }
  return std::nullopt;
}

/// Calls `each(name, value)` for the parameters behind the first semicolon. @returns false when they are malformed.
template <class Each>
bool for_parameters(std::string_view header, Each each) {
  auto at = header.find(';');
  std::string_view rest = at == std::string_view::npos ? std::string_view{} : header.substr(at);
  while (!(rest = trim(rest)).empty()) {
    if (rest.front() != ';') return false;
    rest = trim(rest.substr(1));
    if (rest.empty()) return true;
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view name = trim(rest.substr(0, equals));
    rest = trim(rest.substr(equals + 1));
    const auto value = take_value(rest);
    if (!value || !each(name, *value)) return false;
  }
  return true;
}

Expected<std::string> boundary_of(std::string_view content_type) {
  std::optional<std::string> boundary;
  const bool sound = for_parameters(content_type, [&](std::string_view name, const std::string& value) {
    if (!iequals(name, "boundary")) return true;
    if (boundary) return false;
    boundary = value;
    return true;
  });
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'()+_,-./:=? ";
  if (!sound || !boundary || boundary->empty() || boundary->size() > kLongestBoundary || boundary->back() == ' ' ||
      boundary->find_first_not_of(kAllowed) != std::string::npos) {
    return bad("its Content-Type names no usable boundary");
  }
  return *boundary;
}

bool clean(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return utf8_valid(text);
}

/// The header lines of a part, without the empty one.
Expected<FormPart> read_headers(std::string_view lines) {
  FormPart part;
  bool named = false;
  while (!lines.empty()) {
    const auto end = std::min(lines.find("\r\n"), lines.size());
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(lines.size(), end + 2));
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos || !clean(line)) return bad("a part has a malformed header");
    const std::string_view key = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (iequals(key, "content-transfer-encoding") && !iequals(value, "binary") && !iequals(value, "8bit") &&
        !iequals(value, "7bit")) {
      return bad(fmt::format("a part is encoded as {}; parts are taken as they are", value.substr(0, 40)));
    }
    if (!iequals(key, "content-disposition")) continue;
    if (named || !iequals(trim(value.substr(0, value.find(';'))), "form-data")) {
      return bad("a part has no single Content-Disposition: form-data");
    }
    const bool sound = for_parameters(value, [&](std::string_view name, const std::string& text) {
      if (iequals(name, "name")) {
        if (named || text.empty() || text.size() > kLongestName) return false;
        part.name = text;
        named = true;
      } else if (iequals(name, "filename")) {
        if (part.filename) return false;
        part.filename = text;
      }
      return true;
    });
    if (!sound) return bad("a part's Content-Disposition is malformed");
  }
  if (!named) return bad("a part has no name");
  return part;
}

}  // namespace

bool is_multipart(std::string_view content_type) noexcept {
  return iequals(trim(content_type.substr(0, content_type.find(';'))), "multipart/form-data");
}

Expected<std::vector<FormPart>> parse_multipart(std::string_view content_type, std::string_view body,
                                                const FormLimits& limits) {
  const auto boundary = boundary_of(content_type);
  if (!boundary) return tl::make_unexpected(boundary.error());
  const std::string delimiter = "\r\n--" + *boundary;
  const std::string_view first = std::string_view{delimiter}.substr(2);
  if (!body.starts_with(first)) return bad("it does not begin with its boundary");
  std::vector<FormPart> parts;
  for (std::size_t at = first.size();;) {  // behind a boundary
    const std::string_view rest = body.substr(at);
    if (rest.starts_with("--")) {
      if (rest != "--" && rest != "--\r\n") return bad("something follows its last boundary");
      return parts;
    }
    if (!rest.starts_with("\r\n")) return bad("it is cut off, or a boundary is followed by other text");
    if (parts.size() >= limits.parts) return bad(fmt::format("it has more than {} parts", limits.parts));
    const auto head = rest.substr(0, limits.header_bytes + 4).find("\r\n\r\n");
    if (head == std::string_view::npos) {
      return bad(fmt::format("a part's headers are cut off or longer than {} bytes", limits.header_bytes));
    }
    auto part = read_headers(head == 0 ? std::string_view{} : rest.substr(2, head - 2));
    if (!part) return tl::make_unexpected(part.error());
    part->offset = at + head + 4;
    // An empty content's boundary shares the line end of its headers with nobody: it has its own.
    const auto end = body.find(delimiter, part->offset);
    if (end == std::string_view::npos) return bad("its last part is cut off");
    part->size = end - part->offset;
    parts.push_back(std::move(*part));
    at = end + delimiter.size();
  }
}

}  // namespace zenith::gateway
