#include "http/trace.hpp"

#include <algorithm>
#include <span>

namespace zenith::gateway {
namespace {

bool read_hex(std::string_view text, std::span<std::uint8_t> out) noexcept {
  for (std::size_t i = 0; i < out.size() * 2; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return false;
    out[i / 2] = static_cast<std::uint8_t>((i % 2 == 0 ? 0 : out[i / 2] << 4) | digit);
  }
  return std::any_of(out.begin(), out.end(), [](std::uint8_t b) { return b != 0; });
}

void append_hex(std::string& out, std::span<const std::uint8_t> bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const auto byte : bytes) {
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
}

}  // namespace

messages::TraceContext parse_traceparent(std::string_view header) noexcept {
  messages::TraceContext trace;
  if (header.size() < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-') return {};
  if (header.substr(0, 2) == "ff" || (header.substr(0, 2) == "00" && header.size() != 55)) return {};
  std::uint8_t flags[1] = {0};
  if (!read_hex(header.substr(3, 32), trace.trace_id) || !read_hex(header.substr(36, 16), trace.span_id)) return {};
  if (!read_hex(header.substr(53, 2), flags) && header.substr(53, 2) != "00") return {};
  trace.flags = flags[0];
  return trace;
}

std::string render_traceparent(const messages::TraceContext& trace) {
  std::string out = "00-";
  append_hex(out, trace.trace_id);
  out.push_back('-');
  append_hex(out, trace.span_id);
  out.push_back('-');
  append_hex(out, std::span<const std::uint8_t>(&trace.flags, 1));
  return out;
}

bool has_trace(const messages::TraceContext& trace) noexcept {
  return std::any_of(trace.trace_id.begin(), trace.trace_id.end(), [](std::uint8_t b) { return b != 0; });
}

}  // namespace zenith::gateway
