// What a template can call: filters, tests, functions, methods. The tables are in the .cpp files of these names.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "template/ast.hpp"

namespace zenith::models::jinja {

Filter find_filter(std::string_view name) noexcept;
Test find_test(std::string_view name) noexcept;
bool is_function(std::string_view name) noexcept;
Val call_function(Interpreter& in, const std::string& name, const Args& args);

/// Has the type of `self` a method of this name?
bool has_method(const Val& self, std::string_view name) noexcept;
Val call_method(Interpreter& in, const Val& self, std::string_view name, const Args& args);
Val call_string_method(Interpreter& in, const Val& self, std::string_view name, const Args& args);
bool has_string_method(std::string_view name) noexcept;

/// Arguments by position or name, as a Python signature binds them. Throws for too many and for unknown names.
class Bound {
 public:
  static constexpr std::size_t kMax = 8;
  Bound(Interpreter& in, std::string_view function, const Args& args, std::initializer_list<std::string_view> names);
  const Val* operator[](std::size_t i) const noexcept { return values_[i]; }  ///< nullptr when absent
  const Val& need(std::size_t i) const;
  bool flag(std::size_t i, bool fallback) const;
  std::int64_t number(std::size_t i, std::int64_t fallback) const;
  Val text(std::size_t i) const;  ///< must be a string
  Val text(std::size_t i, std::string_view fallback) const;

 private:
  Interpreter& in_;
  std::string_view function_;
  std::array<const Val*, kMax> values_{};
  std::array<std::string_view, kMax> names_{};
};

/// What `attribute` arguments name: "a.b.0", or an index. `fallback` stands in for each step that finds nothing.
Val read_path(Interpreter& in, const Val& item, const Val& path, const Val* fallback = nullptr);

struct FilterRow {
  std::string_view name;
  Filter filter;
};
std::optional<Filter> find_text_filter(std::string_view name) noexcept;
std::optional<Filter> find_sequence_filter(std::string_view name) noexcept;

}  // namespace zenith::models::jinja
