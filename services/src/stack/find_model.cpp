#include <fmt/format.h>

#include <vector>

#include "zenith/services/stack.hpp"

namespace zenith::services {

namespace fs = std::filesystem;

Expected<fs::path> find_model_file(const fs::path& dir, const std::string& name) {
  std::error_code ec;
  const bool is_path = name.find('/') != std::string::npos || name.ends_with(".gguf");
  const fs::path at = is_path ? fs::path{name} : dir / name;
  if (fs::is_regular_file(at, ec)) return at;
  if (!fs::is_directory(at, ec)) {
    if (is_path) return fail(Errc::not_found, fmt::format("there is no model at '{}'", at.string()), "model");
    return fail(Errc::not_found,
                fmt::format("model '{}' is not in {}: get it with `zenith pull {}`", name, dir.string(), name),
                "model");
  }
  if (fs::exists(at / "model.safetensors", ec)) return at;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(at, ec)) {
    if (entry.path().extension() == ".gguf") found.push_back(entry.path());
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return fail(Errc::not_found,
                fmt::format("{} holds neither a .gguf file nor model.safetensors: get the model with `zenith pull {}`",
                            at.string(), name),
                "model");
  }
  return fail(Errc::invalid_argument,
              fmt::format("{} holds {} .gguf files: name one by its path", at.string(), found.size()), "model");
}

Expected<models::LoadedModel> load_with_engine(const ModelSpec& spec, MemoryLedger& ledger) {
  return models::load_model(spec.path, {.numerics = spec.numerics, .context = spec.context, .packed = spec.packed},
                            ledger);
}

}  // namespace zenith::services
