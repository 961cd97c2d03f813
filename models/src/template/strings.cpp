#include "template/strings.hpp"

#include <algorithm>
#include <unordered_set>

#include "zenith/core/utf8.hpp"

namespace zenith::models::jinja {
namespace {

// `change(code point, out)` appends what stands in its place; taint follows the character.
template <class F>
Text map_chars(const Text& text, F&& change) {
  Text out;
  std::string piece;
  for (std::size_t pos = 0; pos < text.bytes.size();) {
    const std::size_t begin = pos;
    const char32_t c = utf8_next(text.bytes, pos);
    piece.clear();
    change(c, piece);
    out.append(piece, text.tainted() && text.tainted_at(begin, pos));
  }
  out.markup = text.markup;
  return out;
}

std::size_t previous(std::string_view text, std::size_t end) {
  std::size_t begin = end - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return begin;
}

}  // namespace

Text to_case(const Text& text, Case to) {
  return map_chars(text, [&](char32_t c, std::string& out) { append_case(out, c, to); });
}

Text capitalize(const Text& text) {
  bool first = true;
  return map_chars(text, [&](char32_t c, std::string& out) {
    append_case(out, c, first ? Case::title : Case::lower);
    first = false;
  });
}

Text title(const Text& text) {
  bool inside = false;
  return map_chars(text, [&](char32_t c, std::string& out) {
    append_case(out, c, inside ? Case::lower : Case::title);
    inside = is_cased(c);
  });
}

Text strip(const Text& text, Side side, const Text* chars) {
  std::unordered_set<char32_t> set;
  if (chars != nullptr) {
    for (std::size_t pos = 0; pos < chars->bytes.size();) set.insert(utf8_next(chars->bytes, pos));
  }
  const auto drop = [&](char32_t c) { return chars != nullptr ? set.contains(c) : is_space(c); };
  std::size_t begin = 0, end = text.bytes.size();
  if ((static_cast<unsigned>(side) & 1U) != 0) {
    for (std::size_t next = 0; begin < end && drop(utf8_next(text.bytes, next));) begin = next;
  }
  if ((static_cast<unsigned>(side) & 2U) != 0) {
    while (end > begin) {
      const std::size_t start = previous(text.bytes, end);
      std::size_t next = start;
      if (!drop(utf8_next(text.bytes, next))) break;
      end = start;
    }
  }
  Text out = text.slice(begin, end);
  out.markup = text.markup;
  return out;
}

Text replace(const Text& text, const Text& from, const Text& to, std::int64_t count) {
  Text out;
  std::size_t done = 0;
  if (from.bytes.empty()) {
    // Between all characters, as Python does.
    for (std::size_t pos = 0; count != 0; --count) {
      out.append(text, done, pos);
      out.append(to);
      done = pos;
      if (pos >= text.bytes.size()) break;
      utf8_next(text.bytes, pos);
    }
  } else {
    for (; count != 0; --count) {
      const std::size_t at = text.bytes.find(from.bytes, done);
      if (at == std::string::npos) break;
      out.append(text, done, at);
      out.append(to);
      done = at + from.bytes.size();
    }
  }
  out.append(text, done, text.bytes.size());
  return out;
}

std::vector<Text> split(const Text& text, const Text* separator, std::int64_t limit) {
  std::vector<Text> out;
  const std::string_view bytes = text.bytes;
  std::size_t pos = 0;
  if (separator != nullptr) {
    for (; limit != 0; --limit) {
      const std::size_t at = bytes.find(separator->bytes, pos);
      if (at == std::string_view::npos) break;
      out.push_back(text.slice(pos, at));
      pos = at + separator->bytes.size();
    }
    out.push_back(text.slice(pos, bytes.size()));
    return out;
  }
  pos = skip_space(bytes, 0);
  while (pos < bytes.size()) {
    if (limit-- == 0) {
      out.push_back(text.slice(pos, bytes.size()));
      return out;
    }
    std::size_t end = pos;
    for (std::size_t next = pos; end < bytes.size() && !is_space(utf8_next(bytes, next));) end = next;
    out.push_back(text.slice(pos, end));
    pos = skip_space(bytes, end);
  }
  return out;
}

std::vector<Text> rsplit(const Text& text, const Text* separator, std::int64_t limit) {
  std::vector<Text> out;
  const std::string_view bytes = text.bytes;
  if (separator != nullptr) {
    std::size_t end = bytes.size();
    for (; limit != 0 && end >= separator->bytes.size(); --limit) {
      const std::size_t at = bytes.substr(0, end).rfind(separator->bytes);
      if (at == std::string_view::npos) break;
      out.push_back(text.slice(at + separator->bytes.size(), end));
      end = at;
    }
    out.push_back(text.slice(0, end));
  } else {
    std::size_t end = rstrip_space(bytes, bytes.size());
    while (end > 0) {
      if (limit-- == 0) {
        out.push_back(text.slice(0, end));
        break;
      }
      std::size_t begin = end;
      while (begin > 0) {
        const std::size_t start = previous(bytes, begin);
        std::size_t next = start;
        if (is_space(utf8_next(bytes, next))) break;
        begin = start;
      }
      out.push_back(text.slice(begin, end));
      end = rstrip_space(bytes, begin);
    }
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<Text> split_lines(const Text& text, bool keep_ends) {
  std::vector<Text> out;
  for (std::size_t begin = 0; begin < text.bytes.size();) {
    std::size_t end = begin, next = begin;
    bool ended = false;
    while (next < text.bytes.size() && !ended) {
      end = next;
      const char32_t c = utf8_next(text.bytes, next);
      ended = is_line_end(c);
      if (c == '\r' && next < text.bytes.size() && text.bytes[next] == '\n') ++next;
    }
    if (!ended) end = next;
    out.push_back(text.slice(begin, keep_ends ? next : end));
    begin = next;
  }
  return out;
}

Text indent(const Text& text, const Text& by, bool first, bool blank) {
  Text source = text;
  source.append("\n");
  const auto lines = split_lines(source, false);
  Text out;
  if (first) out.append(by);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) {
      out.append("\n");
      if (blank || !lines[i].bytes.empty()) out.append(by);
    }
    out.append(lines[i]);
  }
  return out;
}

Text padded(const Text& text, std::int64_t width, const Text& fill, Side side) {
  const auto size = static_cast<std::int64_t>(count_codepoints(text.bytes));
  const std::int64_t missing = std::max<std::int64_t>(width - size, 0);
  std::int64_t left = side == Side::left ? 0 : side == Side::right ? missing : missing / 2 + (missing & width & 1);
  Text out;
  for (std::int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(text);
  for (std::int64_t i = left; i < missing; ++i) out.append(fill);
  return out;
}

Text escape_html(const Text& text) {
  if (text.markup) return text;
  Text out = map_chars(text, [](char32_t c, std::string& to) {
    if (c == '&')
      to = "&amp;";
    else if (c == '<')
      to = "&lt;";
    else if (c == '>')
      to = "&gt;";
    else if (c == '"')
      to = "&#34;";
    else if (c == '\'')
      to = "&#39;";
    else
      utf8_append(to, c);
  });
  out.markup = true;
  return out;
}

}  // namespace zenith::models::jinja
