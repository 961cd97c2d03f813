// [[key]] sha256 tenant requests_per_min tokens_per_min
#include <fmt/format.h>
#include <toml++/toml.h>

#include "zenith/gateway/server.hpp"

namespace zenith::gateway {
namespace {

tl::unexpected<Error> bad(const std::string& path, const toml::node& at, std::string_view field,
                          std::string_view what) {
  return fail(Errc::bad_file, fmt::format("{}:{}: {}: {}", path, at.source().begin.line, field, what),
              std::string(field));
}

Expected<std::uint32_t> number(const std::string& path, const toml::node& node, std::string_view field) {
  const auto value = node.value_exact<std::int64_t>();
  if (!value || *value < 0 || *value > UINT32_MAX)
    return bad(path, node, field, "must be an integer from 0 to 4294967295");
  return static_cast<std::uint32_t>(*value);
}

Expected<ApiKey> read_key(const std::string& path, const toml::table& table) {
  ApiKey key;
  for (const auto& [name, node] : table) {
    const std::string field{name.str()};
    if (field == "sha256") {
      const auto text = node.value_exact<std::string>();
      if (!text || text->size() != 64 || text->find_first_not_of("0123456789abcdef") != std::string::npos) {
        return bad(path, node, field, "must be the 64 lower-case hex digits that \"printf %s KEY | sha256sum\" prints");
      }
      key.sha256_hex = *text;
      continue;
    }
    std::uint32_t tenant = 0;
    std::uint32_t* target = field == "tenant"             ? &tenant
                            : field == "requests_per_min" ? &key.requests_per_minute
                            : field == "tokens_per_min"   ? &key.tokens_per_minute
                                                          : nullptr;
    if (target == nullptr)
      return bad(path, node, field, "is not known: a key has sha256, tenant, requests_per_min and tokens_per_min");
    const auto value = number(path, node, field);
    if (!value) return tl::make_unexpected(value.error());
    *target = *value;
    if (target == &tenant) {
      if (tenant == 0) return bad(path, node, field, "must be above 0: 0 means no tenant");
      key.tenant = TenantId{tenant};
    }
  }
  if (key.sha256_hex.empty()) return bad(path, table, "sha256", "is missing");
  if (key.tenant == TenantId{}) return bad(path, table, "tenant", "is missing");
  return key;
}

}  // namespace

Expected<std::vector<ApiKey>> read_keys_file(const std::string& path) try {
  const toml::table file = toml::parse_file(path);
  std::vector<ApiKey> keys;
  for (const auto& [name, node] : file) {
    const auto* list = node.as_array();
    if (name != "key" || list == nullptr)
      return bad(path, node, name.str(), "is not known: the file has [[key]] tables only");
    for (const auto& item : *list) {
      const auto* table = item.as_table();
      if (table == nullptr) return bad(path, item, "key", "must be a table: write [[key]]");
      auto key = read_key(path, *table);
      if (!key) return tl::make_unexpected(key.error());
      for (const auto& other : keys) {
        if (other.sha256_hex == key->sha256_hex) return bad(path, *table, "sha256", "is in the file twice");
      }
      keys.push_back(std::move(*key));
    }
  }
  if (keys.empty()) return fail(Errc::bad_file, path + ": has no [[key]]", "key");
  return keys;
} catch (const toml::parse_error& e) {
  return fail(Errc::bad_file, fmt::format("{}:{}: {}", path, e.source().begin.line, e.description()));
}

}  // namespace zenith::gateway
