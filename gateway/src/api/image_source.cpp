#include "api/image_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "api/base64.hpp"
#include "api/fields.hpp"

namespace zenith::gateway {
namespace {

constexpr std::size_t kLongestUrl = 4096;

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// data:[type][;parameters][;base64],…  Source: RFC 2397.
Expected<ImageSource> read_data(std::string_view url, const std::string& field) {
  const auto comma = url.find(',');
  if (comma == std::string_view::npos) return bad_field(field, "is a data: URL without data");
  if (comma > 256) return bad_field(field, "is a data: URL whose head is too long");
  const std::string head = lower(url.substr(5, comma - 5));
  if (!head.ends_with(";base64")) return bad_field(field, "is a data: URL that is not in base64");
  const std::string type = head.substr(0, head.find(';'));
  if (type == "image/svg+xml") return bad_field(field, "is an SVG: only pictures of pixels are read");
  if (!type.empty() && !type.starts_with("image/") && type != "application/octet-stream") {
    return bad_field(field, fmt::format("is a data: URL of {}, not of a picture", type.substr(0, 100)));
  }
  auto bytes = from_base64(url.substr(comma + 1));
  if (!bytes) return bad_field(field, "is a data: URL whose data are no base64");
  if (bytes->empty()) return bad_field(field, "is a data: URL without data");
  return ImageSource{field, Buffer::of(std::move(*bytes)), {}};
}

}  // namespace

Expected<ImageSource> read_image_source(const std::string& url, const std::string& field) {
  const std::string scheme = lower(url.substr(0, std::min(url.find(':'), std::size_t{32})));
  if (scheme == "data") return read_data(url, field);
  if (scheme != "https" || url.substr(0, 8).find("://") == std::string::npos) {
    return bad_field(field, fmt::format("must be a data: or an https: URL, not \"{}\"", url.substr(0, 32)));
  }
  if (url.size() > kLongestUrl) return bad_field(field, fmt::format("is longer than {} bytes", kLongestUrl));
  const auto odd = [](unsigned char c) { return c <= ' ' || c == 0x7f || c == '\\'; };
  if (std::any_of(url.begin(), url.end(), odd)) return bad_field(field, "has characters that no URL has");
  const auto authority = url.substr(8, url.find_first_of("/?#", 8) - 8);
  if (authority.empty()) return bad_field(field, "names no host");
  if (authority.find('@') != std::string::npos) return bad_field(field, "has a name or password in it");
  return ImageSource{field, {}, url};
}

}  // namespace zenith::gateway
