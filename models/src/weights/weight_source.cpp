#include "zenith/models/weights/weight_source.hpp"

#include <array>

#include <fmt/format.h>

namespace zenith::models {
namespace {

std::string_view kind_of(const MetaValue& value) {
  constexpr std::array<std::string_view, 7> kNames{
      "a bool", "an integer", "a float", "a string", "a list of integers", "a list of floats", "a list of strings"};
  return kNames[value.index()];
}

auto missing(std::string_view key) {
  return fail(Errc::bad_file, fmt::format("key '{}' is missing", key), std::string{key});
}

auto mismatch(std::string_view key, const MetaValue& value, std::string_view needed) {
  return fail(Errc::bad_file, fmt::format("key '{}' is {}, {} is needed", key, kind_of(value), needed),
              std::string{key});
}

template <class T>
Expected<T> exactly(const WeightSource& source, std::string_view key, std::optional<T> fallback,
                    std::string_view needed) {
  const MetaValue* value = source.meta(key);
  if (value == nullptr) {
    if (fallback) return std::move(*fallback);
    return missing(key);
  }
  if (const T* found = std::get_if<T>(value)) return *found;
  return mismatch(key, *value, needed);
}

}  // namespace

std::uint64_t TensorView::elements() const noexcept {
  std::uint64_t count = 1;
  for (const std::uint64_t extent : shape) count *= extent;
  return count;
}

Expected<std::int64_t> meta_int(const WeightSource& source, std::string_view key,
                                std::optional<std::int64_t> fallback) {
  return exactly<std::int64_t>(source, key, fallback, "an integer");
}

Expected<double> meta_number(const WeightSource& source, std::string_view key, std::optional<double> fallback) {
  if (const MetaValue* value = source.meta(key)) {
    if (const auto* integer = std::get_if<std::int64_t>(value)) return static_cast<double>(*integer);
  }
  return exactly<double>(source, key, fallback, "a number");
}

Expected<bool> meta_bool(const WeightSource& source, std::string_view key, std::optional<bool> fallback) {
  return exactly<bool>(source, key, fallback, "a bool");
}

Expected<std::string> meta_string(const WeightSource& source, std::string_view key,
                                  std::optional<std::string> fallback) {
  return exactly<std::string>(source, key, std::move(fallback), "a string");
}

}  // namespace zenith::models
