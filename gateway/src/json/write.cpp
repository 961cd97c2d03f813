#include "json/write.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace zenith::gateway {
namespace {

template <class T>
void append_number(std::string& out, T v) {
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), v).ptr;
  out.append(buffer.data(), end);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) continue;
    out.append(text.substr(from, i - from));
    from = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out.push_back(kHex[c >> 4]);
        out.push_back(kHex[c & 15]);
    }
  }
  out.append(text.substr(from));
  out.push_back('"');
}

void JsonWriter::separate() {
  if (!fresh_) out_.push_back(',');
  fresh_ = false;
}
JsonWriter& JsonWriter::open(char c) {
  separate();
  out_.push_back(c);
  fresh_ = true;
  return *this;
}
JsonWriter& JsonWriter::close(char c) {
  out_.push_back(c);
  fresh_ = false;
  return *this;
}
JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_.push_back(':');
  fresh_ = true;
  return *this;
}
JsonWriter& JsonWriter::string(std::string_view v) {
  separate();
  append_json_string(out_, v);
  return *this;
}
JsonWriter& JsonWriter::integer(std::int64_t v) {
  separate();
  append_number(out_, v);
  return *this;
}
JsonWriter& JsonWriter::number(double v) {
  if (!std::isfinite(v)) return null();
  separate();
  append_number(out_, v);
  return *this;
}
JsonWriter& JsonWriter::number(float v) {
  if (!std::isfinite(v)) return null();
  separate();
  append_number(out_, v);
  return *this;
}
JsonWriter& JsonWriter::boolean(bool v) { return raw(v ? "true" : "false"); }
JsonWriter& JsonWriter::null() { return raw("null"); }
JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

JsonWriter& JsonWriter::value(const Value& v) {
  struct Visitor {
    JsonWriter& w;
    void operator()(std::nullptr_t) const { w.null(); }
    void operator()(bool b) const { w.boolean(b); }
    void operator()(std::int64_t i) const { w.integer(i); }
    void operator()(double d) const { w.number(d); }
    void operator()(const std::string& s) const { w.string(s); }
    void operator()(const Value::Array& a) const {
      w.begin_array();
      for (const auto& item : a) w.value(item);
      w.end_array();
    }
    void operator()(const Value::Object& o) const {
      w.begin_object();
      for (const auto& [name, item] : o) w.key(name).value(item);
      w.end_object();
    }
  };
  std::visit(Visitor{*this}, v.data);
  return *this;
}

}  // namespace zenith::gateway
