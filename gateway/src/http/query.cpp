#include "http/query.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "http/message.hpp"

namespace zenith::gateway {
namespace {

std::optional<std::string> decode(std::string_view text) {
  std::string plain{text};
  std::replace(plain.begin(), plain.end(), '+', ' ');
  return percent_decode(plain);
}

}  // namespace

Expected<Query> Query::read(std::string_view target, std::initializer_list<std::string_view> names) {
  Query out;
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return out;
  std::string_view rest = target.substr(mark + 1);
  rest = rest.substr(0, rest.find('#'));
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    const auto name = decode(pair.substr(0, equals));
    const auto value = decode(equals < pair.size() ? pair.substr(equals + 1) : std::string_view{});
    if (!name || !value) return fail(Errc::invalid_argument, "the query has a bad escape");
    if (std::find(names.begin(), names.end(), *name) == names.end()) {
      return fail(Errc::invalid_argument,
                  fmt::format("{}: is no parameter that is known here; known are {}", name->substr(0, 100),
                              fmt::join(names, ", ")),
                  name->substr(0, 100));
    }
    if (out.get(*name)) return fail(Errc::invalid_argument, *name + ": comes twice", *name);
    out.pairs_.emplace_back(*name, *value);
  }
  return out;
}

std::optional<std::string_view> Query::get(std::string_view name) const noexcept {
  for (const auto& [known, value] : pairs_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace zenith::gateway
