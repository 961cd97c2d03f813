#include "manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "zenith/core/utf8.hpp"
#include "zenith/services/sensor/child_board.hpp"

namespace zenith::sensorhost {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kNameBytes = 32, kUnitBytes = 32, kTextBytes = 256, kMostLabels = messages::kMostStats;
constexpr double kMostRate = 1e6;

struct BadManifest {
  Error error;
};

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
  throw BadManifest{{Errc::bad_file, fmt::format("manifest: {} {}", where, what), where, {}}};
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytes && text.front() >= 'a' && text.front() <= 'z' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

/// MAJOR.MINOR.PATCH, and what may follow them.
bool is_semver(std::string_view text) {
  if (text.size() > kNameBytes) return false;
  for (int part = 0; part < 3; ++part) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || (digits > 1 && text.front() == '0')) return false;
    text.remove_prefix(digits);
    if (part == 2) break;
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
  }
  return text.empty() || ((text.front() == '-' || text.front() == '+') && text.size() > 1 &&
                          text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-") ==
                              std::string_view::npos);
}

/// The characters of UCUM's case-sensitive units, with brackets that close. Which atoms there are is not checked.
bool is_unit(std::string_view text) {
  if (text.empty() || text.size() > kUnitBytes) return false;
  std::string open;
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>') return false;
    if (c == '(' || c == '[' || c == '{') open += c;
    if (c == ')' || c == ']' || c == '}') {
      const char wanted = c == ')' ? '(' : c == ']' ? '[' : '{';
      if (open.empty() || open.back() != wanted) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

void only(const Json& object, const std::string& where, std::initializer_list<std::string_view> names) {
  if (!object.is_object()) refuse(where, "must be an object");
  for (const auto& [name, value] : object.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      refuse(where + (where.empty() ? "" : ".") + name.substr(0, 64), "is no member that is known here");
    }
  }
}

std::string text(const Json& object, const std::string& name, const std::string& where) {
  const auto it = object.find(name);
  if (it == object.end()) refuse(where, "is missing");
  if (!it->is_string()) refuse(where, "must be a string");
  return it->get<std::string>();
}

messages::SampleType read_dtype(const std::string& name, const std::string& where) {
  for (int i = 0; i <= static_cast<int>(messages::SampleType::f64); ++i) {
    const auto type = static_cast<messages::SampleType>(i);
    if (messages::name_of(type) == name) return type;
  }
  refuse(where, "is '" + name.substr(0, 32) + "': it must be one of u8, i8, u16, i16, u32, i32, u64, i64, f32, f64");
}

std::vector<std::uint32_t> read_shape(const Json& channel, messages::SampleType type, const std::string& where) {
  std::vector<std::uint32_t> out;
  const auto it = channel.find("shape");
  if (it == channel.end()) return out;
  if (!it->is_array() || it->size() > 4) refuse(where, "must be a list of at most 4 numbers");
  std::size_t bytes = messages::size_of(type);
  for (const auto& dim : *it) {
    if (!dim.is_number_unsigned() || dim.get<std::uint64_t>() > (1u << 24)) {
      refuse(where, "must hold whole numbers from 0 (any) to 16777216");
    }
    out.push_back(dim.get<std::uint32_t>());
    bytes *= std::max<std::size_t>(out.back(), 1);
    if (bytes > messages::kMostFrameBytes) refuse(where, "is more than 64 MiB a frame");
  }
  return out;
}

std::vector<std::string> read_labels(const Json& channel, const std::vector<std::uint32_t>& shape,
                                     const std::string& where) {
  std::vector<std::string> out;
  const auto it = channel.find("labels");
  if (it == channel.end()) return out;
  if (!it->is_array() || it->size() > kMostLabels)
    refuse(where, fmt::format("must be a list of at most {} strings", kMostLabels));
  for (const auto& label : *it) {
    if (!label.is_string()) refuse(where, "must be a list of strings");
    out.push_back(label.get<std::string>());
    if (out.back().empty() || out.back().size() > kNameBytes) refuse(where, "has an empty or a long string");
  }
  std::size_t elements = 1;
  for (const std::uint32_t dim : shape) elements *= dim;
  if (!out.empty() && out.size() != elements) {
    refuse(where, fmt::format("are {} for {} elements", out.size(), elements));
  }
  return out;
}

messages::SensorEntry read_channel(const Json& channel, const std::string& where) {
  only(channel, where, {"name", "unit", "dtype", "shape", "labels", "rate_hz", "policy"});
  messages::SensorEntry out;
  out.channel = text(channel, "name", where + ".name");
  if (!is_name(out.channel)) refuse(where + ".name", "must be at most 32 of a-z, 0-9, _ and -, the first a letter");
  out.unit = text(channel, "unit", where + ".unit");
  if (!is_unit(out.unit)) refuse(where + ".unit", "must be a UCUM unit, such as Cel, m/s2, By, % or 1");
  out.dtype = read_dtype(text(channel, "dtype", where + ".dtype"), where + ".dtype");
  out.shape = read_shape(channel, out.dtype, where + ".shape");
  out.labels = read_labels(channel, out.shape, where + ".labels");
  if (const auto rate = channel.find("rate_hz"); rate != channel.end()) {
    if (!rate->is_number()) refuse(where + ".rate_hz", "must be a number");
    out.rate_hz = rate->get<double>();
    if (!(out.rate_hz >= 0 && out.rate_hz <= kMostRate))
      refuse(where + ".rate_hz", "must be from 0 (irregular) to 1000000");
  }
  if (channel.contains("policy")) {
    const auto policy = text(channel, "policy", where + ".policy");
    if (policy != "drop_oldest" && policy != "latest") refuse(where + ".policy", "must be drop_oldest or latest");
    if (policy == "latest") out.policy = messages::BackPressure::latest;
  }
  return out;
}

/// FNV-1a.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

Manifest read(const Json& json) {
  only(json, "", {"id", "version", "kind", "description", "channels"});
  Manifest out;
  out.id = text(json, "id", "id");
  if (!is_name(out.id)) refuse("id", "must be at most 32 of a-z, 0-9, _ and -, the first a letter");
  out.version = text(json, "version", "version");
  if (!is_semver(out.version)) refuse("version", "must be MAJOR.MINOR.PATCH, such as 1.0.0");
  out.kind = text(json, "kind", "kind");
  if (!is_name(out.kind)) refuse("kind", "must be at most 32 of a-z, 0-9, _ and -, the first a letter");
  if (json.contains("description")) out.description = text(json, "description", "description");
  if (out.description.size() > kTextBytes) refuse("description", "has more than 256 bytes");
  const auto channels = json.find("channels");
  if (channels == json.end() || !channels->is_array() || channels->empty())
    refuse("channels", "must be a list of at least one");
  if (channels->size() > services::kMostChannels) {
    refuse("channels", fmt::format("are {}, at most {} may be", channels->size(), services::kMostChannels));
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < channels->size(); ++i) {
    auto channel = read_channel((*channels)[i], fmt::format("channels[{}]", i));
    if (!names.insert(channel.channel).second) refuse(fmt::format("channels[{}].name", i), "comes twice");
    channel.plugin = out.id;
    channel.version = out.version;
    channel.kind = out.kind;
    out.channels.push_back(std::move(channel));
  }
  return out;
}

}  // namespace

Expected<Manifest> read_manifest(std::string_view json) {
  if (json.size() > kManifestBytes) return fail(Errc::bad_file, "manifest: has more than 64 KiB", "manifest");
  if (!utf8_valid(json)) return fail(Errc::bad_file, "manifest: is not UTF-8", "manifest");
  // Depth is bounded before the parser recurses into it.
  std::size_t depth = 0, deepest = 0;
  for (const char c : json) {
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  if (deepest > 16) return fail(Errc::bad_file, "manifest: is nested too deeply", "manifest");
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded()) return fail(Errc::bad_file, "manifest: is no JSON", "manifest");
  try {
    auto out = read(parsed);
    out.hash = hash_of(json);
    return out;
  } catch (const BadManifest& bad) {
    return tl::make_unexpected(bad.error);
  }
}

}  // namespace zenith::sensorhost
