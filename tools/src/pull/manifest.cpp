#include "pull/manifest.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "pull/output_file.hpp"

namespace zenith::tools {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::uintmax_t kMostManifestBytes = 1 << 20;

}  // namespace

Status write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  Json json{{"name", manifest.name},       {"kind", manifest.kind},     {"source", manifest.source},
            {"license", manifest.license}, {"origin", manifest.origin}, {"loads", manifest.loads},
            {"hashes", manifest.hashes},   {"files", Json::array()}};
  for (const auto& file : manifest.files) {
    json["files"].push_back({{"name", file.name}, {"sha256", file.sha256}, {"bytes", file.bytes}});
  }
  const std::string text = json.dump(2) + "\n";
  auto out = OutputFile::create(folder / kManifestName, text.size());
  if (!out) return tl::make_unexpected(out.error());
  if (auto ok = out->write(std::as_bytes(std::span{text})); !ok) return ok;
  if (auto hash = out->finish(); !hash) return tl::make_unexpected(hash.error());
  return {};
}

std::optional<Manifest> read_manifest(const std::filesystem::path& folder) {
  std::error_code error;
  const auto path = folder / kManifestName;
  const auto size = std::filesystem::file_size(path, error);
  if (error || size > kMostManifestBytes) return std::nullopt;
  std::ifstream stream{path};
  const Json json = Json::parse(stream, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    Manifest manifest{json.at("name"),   json.at("kind"),  json.at("source"), json.at("license"),
                      json.at("origin"), json.at("loads"), json.at("hashes"), {}};
    for (const auto& file : json.at("files")) {
      manifest.files.push_back({file.at("name"), file.at("sha256"), file.at("bytes")});
      const auto bytes = std::filesystem::file_size(folder / manifest.files.back().name, error);
      if (error || bytes != manifest.files.back().bytes) return std::nullopt;
    }
    return manifest;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace zenith::tools
