#include "zenith/core/config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <set>

#include "config_table.hpp"
#include "config_text.hpp"

namespace zenith {
namespace {

using namespace config;

/// "zenith.toml:12" or "environment": how a message says where a value came from.
struct Place {
  std::string where;
  std::string key;  // "server.listen"
  Error error(std::string what) const {
    return {Errc::invalid_argument, where + ": " + key + " " + std::move(what), key, {}};
  }
};

Place at(const std::string& file, const toml::node& node, std::string key) {
  return {file + ":" + std::to_string(node.source().begin.line), std::move(key)};
}

tl::unexpected<Error> refuse(const Place& place, std::string what) {
  return tl::make_unexpected(place.error(std::move(what)));
}

Status check_text(Text kind, const std::string& value, const Place& place) {
  const auto wrong = check_config_text(kind, value);
  if (!wrong.empty()) return refuse(place, wrong);
  return {};
}

template <class Section>
Status check_range(const Key<Section>& key, std::uint64_t value, const Place& place) {
  if (value < key.least || value > key.most) {
    return refuse(place, "is " + std::to_string(value) + ": it must be from " + std::to_string(key.least) + " to " +
                             std::to_string(key.most));
  }
  return {};
}

template <class Section, class Number>
Status set_number(Section& section, const Key<Section>& key, Number Section::* member, std::int64_t value,
                  const Place& place) {
  if (value < 0) return refuse(place, "is " + std::to_string(value) + ": it must not be negative");
  if (auto ok = check_range(key, static_cast<std::uint64_t>(value), place); !ok) return ok;
  section.*member = static_cast<Number>(value);
  return {};
}

/// One value of a file into its member.
template <class Section>
Status set_from_toml(Section& section, const Key<Section>& key, const toml::node& node, const Place& place) {
  return std::visit(
      [&](auto member) -> Status {
        using T = std::remove_reference_t<decltype(section.*member)>;
        if constexpr (std::is_same_v<T, bool>) {
          const auto value = node.value_exact<bool>();
          if (!value) return refuse(place, "must be true or false");
          section.*member = *value;
        } else if constexpr (std::is_same_v<T, std::string>) {
          const auto value = node.value_exact<std::string>();
          if (!value) return refuse(place, "must be a string");
          if (auto ok = check_text(key.text, *value, place); !ok) return ok;
          section.*member = *value;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          if (const auto one = node.value_exact<std::string>()) {
            section.*member = {*one};
            return {};
          }
          const auto* list = node.as_array();
          if (list == nullptr) return refuse(place, "must be a string or a list of strings");
          std::vector<std::string> values;
          for (const auto& item : *list) {
            const auto value = item.template value_exact<std::string>();
            if (!value) return refuse(place, "must be a list of strings");
            values.push_back(*value);
          }
          section.*member = std::move(values);
        } else {
          const auto value = node.value_exact<std::int64_t>();
          if (!value) return refuse(place, "must be a whole number");
          return set_number(section, key, member, *value, place);
        }
        return {};
      },
      key.member);
}

/// One value of the environment into its member. Lists are separated by commas.
template <class Section>
Status set_from_text(Section& section, const Key<Section>& key, const std::string& text, const Place& place) {
  return std::visit(
      [&](auto member) -> Status {
        using T = std::remove_reference_t<decltype(section.*member)>;
        if constexpr (std::is_same_v<T, bool>) {
          if (text != "true" && text != "false" && text != "1" && text != "0") {
            return refuse(place, "is '" + text + "': it must be true or false");
          }
          section.*member = text == "true" || text == "1";
        } else if constexpr (std::is_same_v<T, std::string>) {
          if (auto ok = check_text(key.text, text, place); !ok) return ok;
          section.*member = text;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          section.*member = split_commas(text);
        } else {
          std::int64_t value = 0;
          const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
          if (error != std::errc{} || end != text.data() + text.size()) {
            return refuse(place, "is '" + text + "': it must be a whole number");
          }
          return set_number(section, key, member, value, place);
        }
        return {};
      },
      key.member);
}

template <class Keys>
std::vector<std::string_view> names(const Keys& keys) {
  std::vector<std::string_view> all;
  for (const auto& key : keys) all.push_back(key.name);
  return all;
}

template <class Section, std::size_t N>
Status read_table(Section& section, const std::array<Key<Section>, N>& keys, const toml::table& table,
                  const std::string& file, const std::string& prefix) {
  for (const auto& [name, node] : table) {
    const auto row = std::find_if(keys.begin(), keys.end(), [&](const auto& k) { return k.name == name.str(); });
    const Place place = at(file, node, prefix + "." + std::string{name.str()});
    if (row == keys.end()) {
      return refuse(place,
                    "is no known key; the nearest is " + prefix + "." + std::string{nearest(name.str(), names(keys))});
    }
    if (auto ok = set_from_toml(section, *row, node, place); !ok) return ok;
  }
  return {};
}

template <class Section, std::size_t N>
Status read_section(Section& section, const std::array<Key<Section>, N>& keys, const toml::node& node,
                    const std::string& file, const std::string& name) {
  const auto* table = node.as_table();
  if (table == nullptr) return refuse(at(file, node, name), "must be a table: [" + name + "]");
  return read_table(section, keys, *table, file, name);
}

Status read_services(Config& config, const toml::node& node, const std::string& file) {
  const auto* list = node.as_array();
  if (list == nullptr || !list->is_homogeneous(toml::node_type::table)) {
    return refuse(at(file, node, "service"), "must be a list of tables: [[service]]");
  }
  for (const auto& item : *list) {
    ServiceConfig service;
    if (auto ok = read_table(service, kService, *item.as_table(), file, "service"); !ok) return ok;
    if (service.role.empty()) return refuse(at(file, item, "service.role"), "is missing");
    config.services.push_back(std::move(service));
  }
  return {};
}

Status read_aliases(Config& config, const toml::node& node, const std::string& file) {
  const auto* table = node.as_table();
  if (table == nullptr) return refuse(at(file, node, "aliases"), "must be a table: [aliases]");
  for (const auto& [name, target] : *table) {
    const auto value = target.value_exact<std::string>();
    if (!value) return refuse(at(file, target, "aliases." + std::string{name.str()}), "must be the name of a model");
    config.aliases[std::string{name.str()}] = *value;
  }
  return {};
}

Status read_root(Config& config, const toml::table& root, const std::string& file) {
  for (const auto& [key, node] : root) {
    const std::string name{key.str()};
    Status ok;
    if (name == "server") {
      ok = read_section(config.server, kServer, node, file, name);
    } else if (name == "models") {
      ok = read_section(config.models, kModels, node, file, name);
    } else if (name == "links") {
      ok = read_section(config.links, kLinks, node, file, name);
    } else if (name == "curve") {
      ok = read_section(config.curve, kCurve, node, file, name);
    } else if (name == "lanes") {
      ok = read_section(config.lanes, kLanes, node, file, name);
    } else if (name == "log") {
      ok = read_section(config.log, kLog, node, file, name);
    } else if (name == "sensors") {
      ok = read_section(config.sensors, kSensors, node, file, name);
    } else if (name == "trace") {
      ok = read_section(config.trace, kTrace, node, file, name);
    } else if (name == "service") {
      ok = read_services(config, node, file);
    } else if (name == "aliases") {
      ok = read_aliases(config, node, file);
    } else {
      return refuse(at(file, node, name), "is no known section; the nearest is " +
                                              std::string{nearest(name, {kSections.begin(), kSections.end()})});
    }
    if (!ok) return ok;
  }
  return {};
}

Status read_file(Config& config, const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return fail(Errc::not_found, "the configuration file " + path.string() + " does not exist or is no regular file",
                "config");
  }
  try {
    const toml::table root = toml::parse_file(path.string());
    return read_root(config, root, path.string());
  } catch (const toml::parse_error& e) {
    return fail(Errc::bad_file,
                path.string() + ":" + std::to_string(e.source().begin.line) + ": " + std::string{e.description()},
                "config");
  }
}

template <class Section, std::size_t N>
Status read_environment(Section& section, const std::array<Key<Section>, N>& keys, const std::string& name,
                        const Environment& environment) {
  for (const auto& key : keys) {
    const std::string variable = environment_name(name, key.name);
    const auto value = environment(variable);
    if (!value) continue;
    const Place place{"environment " + variable, name + "." + std::string{key.name}};
    if (auto ok = set_from_text(section, key, *value, place); !ok) return ok;
  }
  return {};
}

/// What no single value shows: TLS needs both files; ids are unique; a service that has none gets role-number.
Status finish(Config& config) {
  const auto& server = config.server;
  if (server.tls_cert.empty() != server.tls_key.empty()) {
    const std::string have = server.tls_key.empty() ? "server.tls_cert" : "server.tls_key";
    const std::string lacks = server.tls_key.empty() ? "server.tls_key" : "server.tls_cert";
    return fail(Errc::invalid_argument, have + " is set but " + lacks + " is not: TLS needs both, plain HTTP none",
                lacks);
  }
  std::set<std::string> ids;
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    auto& service = config.services[i];
    if (service.id.empty()) service.id = service.role + "-" + std::to_string(i + 1);
    if (!ids.insert(service.id).second) {
      return fail(Errc::invalid_argument, "two services have the id '" + service.id + "': service.id must be unique",
                  "service.id");
    }
  }
  return {};
}

template <class Section, std::size_t N>
void print(std::string& out, const Section& section, const std::array<Key<Section>, N>& keys) {
  for (const auto& key : keys) {
    std::visit(
        [&](auto member) {
          const auto& value = section.*member;
          using T = std::remove_cvref_t<decltype(value)>;
          out += std::string{key.name} + " = ";
          if constexpr (std::is_same_v<T, bool>) {
            out += value ? "true" : "false";
          } else if constexpr (std::is_same_v<T, std::string>) {
            out += toml_string(value);
          } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
            out += '[';
            for (std::size_t i = 0; i < value.size(); ++i) out += (i == 0 ? "" : ", ") + toml_string(value[i]);
            out += ']';
          } else {
            out += std::to_string(value);
          }
          out += '\n';
        },
        key.member);
  }
}

}  // namespace

Expected<Config> load_config(const std::optional<std::filesystem::path>& file, const Environment& environment) {
  Config config;
  Status ok;
  if (file) ok = read_file(config, *file);
  if (ok) ok = read_environment(config.server, kServer, "server", environment);
  if (ok) ok = read_environment(config.models, kModels, "models", environment);
  if (ok) ok = read_environment(config.links, kLinks, "links", environment);
  if (ok) ok = read_environment(config.curve, kCurve, "curve", environment);
  if (ok) ok = read_environment(config.lanes, kLanes, "lanes", environment);
  if (ok) ok = read_environment(config.log, kLog, "log", environment);
  if (ok) ok = read_environment(config.sensors, kSensors, "sensors", environment);
  if (ok) ok = read_environment(config.trace, kTrace, "trace", environment);
  if (ok) ok = finish(config);
  if (!ok) return tl::make_unexpected(ok.error());
  return config;
}

std::string to_toml(const Config& config) {
  std::string out = "[server]\n";
  print(out, config.server, kServer);
  out += "\n[models]\n";
  print(out, config.models, kModels);
  for (const auto& service : config.services) {
    out += "\n[[service]]\n";
    print(out, service, kService);
  }
  out += "\n[links]\n";
  print(out, config.links, kLinks);
  out += "\n[curve]\n";
  print(out, config.curve, kCurve);
  out += "\n[lanes]\n";
  print(out, config.lanes, kLanes);
  out += "\n[log]\n";
  print(out, config.log, kLog);
  out += "\n[sensors]\n";
  print(out, config.sensors, kSensors);
  out += "\n[trace]\n";
  print(out, config.trace, kTrace);
  if (!config.aliases.empty()) out += "\n[aliases]\n";
  for (const auto& [name, target] : config.aliases) out += toml_string(name) + " = " + toml_string(target) + "\n";
  return out;
}

std::filesystem::path packed_folder() { return zenith_home() / "cache" / "packed"; }

std::filesystem::path zenith_home() {
  // Read once at start-up, before any thread that could change the environment.
  if (const char* home = std::getenv("ZENITH_HOME"); home != nullptr && *home != '\0')
    return home;                           // NOLINT(concurrency-mt-unsafe)
  const char* user = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  return std::filesystem::path{user != nullptr && *user != '\0' ? user : "/root"} / ".cache" / "zenith";
}

}  // namespace zenith
