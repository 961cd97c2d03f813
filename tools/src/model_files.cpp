#include "zenith/tools/model_files.hpp"

#include <algorithm>

#include "pull/manifest.hpp"
#include "zenith/tools/catalog.hpp"
#include "zenith/tools/pull.hpp"

namespace zenith::tools {
namespace fs = std::filesystem;

namespace {

bool looks_like_path(std::string_view model) {
  return model.find('/') != std::string_view::npos || model.ends_with(".gguf") || model == "." || model == "..";
}

/// What load_model is given for a folder of the models folder: by its manifest, else as files put there by hand.
fs::path loads(const fs::path& folder) {
  if (const auto manifest = read_manifest(folder)) return manifest->loads == "." ? folder : folder / manifest->loads;
  std::error_code error;
  if (fs::exists(folder / "model.safetensors", error)) return folder;
  fs::path only;
  for (const auto& entry : fs::directory_iterator{folder, error}) {
    if (entry.path().extension() != ".gguf") continue;
    if (!only.empty()) return {};
    only = entry.path();
  }
  return only;
}

std::vector<std::string> folders(const fs::path& dir) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{dir, error}) {
    const std::string name = entry.path().filename().string();
    std::error_code gone;
    if (name.front() != '.' && entry.is_directory(gone)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::uint64_t bytes_below(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return fs::file_size(path, error);
  std::uint64_t sum = 0;
  for (const auto& entry : fs::recursive_directory_iterator{path, error}) {
    std::error_code gone;
    if (entry.is_regular_file(gone)) sum += entry.file_size(gone);
  }
  return sum;
}

}  // namespace

fs::path models_dir(const Config& config) {
  return config.models.dir.empty() ? zenith_home() / "models" : fs::path{config.models.dir};
}

Expected<fs::path> resolve_model(std::string_view model, const fs::path& dir) {
  std::error_code error;
  if (looks_like_path(model)) {
    if (fs::exists(model, error)) return fs::path{model};
    return fail(Errc::not_found, "the model file " + std::string{model} + " does not exist", "model");
  }
  if (!model.empty() && model.front() != '.') {
    auto found = loads(dir / model);
    if (!found.empty()) return found;
  }
  std::string message;
  if (find_in_catalog(model) != nullptr) {
    message =
        "the model '" + std::string{model} + "' is not in " + dir.string() + ": zenith pull " + std::string{model};
  } else {
    message = not_in_catalog(model).message + "; in " + dir.string() + " there is:";
    for (const auto& name : folders(dir)) message += " " + name;
  }
  return fail(Errc::not_found, message, "model");
}

std::vector<KnownModel> known_models(const fs::path& dir) {
  std::vector<KnownModel> all;
  for (const auto& row : catalog()) {
    KnownModel model{std::string{row.name},
                     std::string{row.kind},
                     std::string{row.license},
                     std::string{row.origin},
                     row.bytes(),
                     false,
                     row.is_default,
                     {}};
    if (auto path = loads(dir / row.name); !path.empty()) {
      model.installed = true;
      model.bytes = bytes_below(dir / row.name);
      model.path = std::move(path);
    }
    all.push_back(std::move(model));
  }
  for (const auto& name : folders(dir)) {
    if (find_in_catalog(name) != nullptr) continue;
    auto path = loads(dir / name);
    if (path.empty()) continue;
    const auto manifest = read_manifest(dir / name);
    all.push_back({name, manifest ? manifest->kind : "unknown", manifest ? manifest->license : "",
                   manifest ? manifest->origin : "put there by hand", bytes_below(dir / name), true, false,
                   std::move(path)});
  }
  return all;
}

}  // namespace zenith::tools
