#include "weights/gguf_metadata.hpp"

#include <array>
#include <limits>

#include <fmt/format.h>

namespace zenith::models {
namespace {

constexpr std::uint64_t kMostKeyBytes = 65535;       // the specification's limit
constexpr std::uint64_t kSmallestEntry = 8 + 4 + 1;  // name length, type, a bool

// Value types in the order of the specification.
enum class GgufType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
constexpr std::array<std::uint8_t, 13> kLeastBytes{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
constexpr auto kTypes = static_cast<std::uint32_t>(kLeastBytes.size());

struct Context {
  ByteReader& reader;
  std::string key;

  tl::unexpected<Error> refuse(std::string_view what) const {
    return fail(Errc::bad_file, fmt::format("key {} {}", printable(key), what), key);
  }
  tl::unexpected<Error> cut() const {
    return refuse(fmt::format("ends past the end of the file (byte {})", reader.position() + reader.remaining()));
  }
};

template <class T>
Expected<std::int64_t> integer(Context& c) {
  const auto value = c.reader.read<T>();
  if (!value) return c.cut();
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (*value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return c.refuse(fmt::format("has the value {}, which is past 2^63", *value));
    }
  }
  return static_cast<std::int64_t>(*value);
}

Expected<std::int64_t> any_integer(Context& c, GgufType type) {
  switch (type) {
    case GgufType::u8: return integer<std::uint8_t>(c);
    case GgufType::i8: return integer<std::int8_t>(c);
    case GgufType::u16: return integer<std::uint16_t>(c);
    case GgufType::i16: return integer<std::int16_t>(c);
    case GgufType::u32: return integer<std::uint32_t>(c);
    case GgufType::i32: return integer<std::int32_t>(c);
    case GgufType::u64: return integer<std::uint64_t>(c);
    case GgufType::i64: return integer<std::int64_t>(c);
    case GgufType::boolean: {
      auto value = integer<std::uint8_t>(c);
      if (value && *value > 1) return c.refuse(fmt::format("is a bool with the value {}", *value));
      return value;
    }
    case GgufType::f32:
    case GgufType::f64:
    case GgufType::string:
    case GgufType::array: break;
  }
  return c.refuse("is not an integer");
}

Expected<double> any_float(Context& c, GgufType type) {
  if (type == GgufType::f32) {
    if (const auto value = c.reader.read<float>()) return static_cast<double>(*value);
  } else if (const auto value = c.reader.read<double>()) {
    return *value;
  }
  return c.cut();
}

Expected<std::string> string(Context& c) {
  const auto length = c.reader.read<std::uint64_t>();
  if (!length) return c.cut();
  const auto text = c.reader.text(*length);
  if (!text)
    return c.refuse(fmt::format("has a string of {} bytes, {} are left in the file", *length, c.reader.remaining()));
  return std::string{*text};
}

template <class T, class Read>
Expected<MetaValue> list(std::uint64_t count, Read read) {
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    auto value = read();
    if (!value) return tl::make_unexpected(std::move(value.error()));
    values.push_back(std::move(*value));
  }
  return MetaValue{std::move(values)};
}

Expected<MetaValue> array(Context& c) {
  const auto raw = c.reader.read<std::uint32_t>();
  const auto count = c.reader.read<std::uint64_t>();
  if (!raw || !count) return c.cut();
  if (*raw >= kTypes) return c.refuse(fmt::format("is a list of the unknown type {}", *raw));
  const auto type = static_cast<GgufType>(*raw);
  if (type == GgufType::array) return c.refuse("is a list of lists, which is not supported");
  if (*count > c.reader.remaining() / kLeastBytes[*raw]) {
    return c.refuse(
        fmt::format("is a list of {} values, for which {} bytes are left in the file", *count, c.reader.remaining()));
  }
  switch (type) {
    case GgufType::string: return list<std::string>(*count, [&] { return string(c); });
    case GgufType::f32:
    case GgufType::f64: return list<double>(*count, [&] { return any_float(c, type); });
    default: return list<std::int64_t>(*count, [&] { return any_integer(c, type); });
  }
}

template <class T>
Expected<MetaValue> boxed(Expected<T> value) {
  if (!value) return tl::make_unexpected(std::move(value.error()));
  return MetaValue{std::move(*value)};
}

Expected<MetaValue> value(Context& c) {
  const auto raw = c.reader.read<std::uint32_t>();
  if (!raw) return c.cut();
  if (*raw >= kTypes) return c.refuse(fmt::format("has the unknown type {}", *raw));
  switch (const auto type = static_cast<GgufType>(*raw)) {
    case GgufType::array: return array(c);
    case GgufType::string: return boxed(string(c));
    case GgufType::f32:
    case GgufType::f64: return boxed(any_float(c, type));
    case GgufType::boolean: {
      auto flag = any_integer(c, type);
      if (!flag) return tl::make_unexpected(std::move(flag.error()));
      return MetaValue{*flag != 0};
    }
    default: return boxed(any_integer(c, type));
  }
}

}  // namespace

Status read_gguf_metadata(ByteReader& reader, std::uint64_t count, StoredSource& source,
                          std::vector<GgufEntry>* entries) {
  if (count > reader.remaining() / kSmallestEntry) {
    return fail(Errc::bad_file, fmt::format("the header claims {} keys, for which {} bytes are left in the file", count,
                                            reader.remaining()));
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t at = reader.position();
    const auto length = reader.read<std::uint64_t>();
    const auto name = length && *length <= kMostKeyBytes ? reader.text(*length) : std::nullopt;
    if (!name || name->empty()) {
      return fail(Errc::bad_file, fmt::format("the name of key {} of {} (byte {}) is cut, empty or over {} bytes",
                                              i + 1, count, at, kMostKeyBytes));
    }
    Context context{reader, std::string{*name}};
    auto parsed = value(context);
    if (!parsed) return tl::make_unexpected(std::move(parsed.error()));
    if (!source.add_meta(context.key, std::move(*parsed))) return context.refuse("occurs twice");
    if (entries != nullptr) entries->push_back({*name, reader.since(at)});
  }
  return {};
}

}  // namespace zenith::models
