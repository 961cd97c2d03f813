// From MODEL on a command line or in a configuration to what load_model is given.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/config.hpp"
#include "zenith/core/error.hpp"

namespace zenith::tools {

/// models.dir of the configuration, else $ZENITH_HOME/models.
std::filesystem::path models_dir(const Config& config);

/// A path (it has a slash or ends in .gguf, and exists), or the name of a model in `dir`.
/// @returns not_found naming the installed models and the `zenith pull` that gets a catalog name.
Expected<std::filesystem::path> resolve_model(std::string_view model, const std::filesystem::path& dir);

/// A model that is known or lies in the models folder.
struct KnownModel {
  std::string name, kind, license, origin;
  std::uint64_t bytes = 0;  ///< on disk when installed, else what the catalog says
  bool installed = false, is_default = false;
  std::filesystem::path path;  ///< what load_model is given; empty when not installed
};

/// The catalog, then other installed models by name.
std::vector<KnownModel> known_models(const std::filesystem::path& dir);

}  // namespace zenith::tools
