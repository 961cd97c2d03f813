#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "verb.hpp"
#include "zenith/models/weights/packed_cache.hpp"
#include "zenith/tools/model_files.hpp"
#include "zenith/tools/progress.hpp"

namespace zenith::tools {
namespace {

Status drop_packed(const Context& context) {
  const auto removed = models::remove_packed(packed_folder());
  if (!removed) return tl::make_unexpected(removed.error());
  if (context.json) {
    const nlohmann::ordered_json body{{"removed", removed->count}, {"bytes", removed->bytes}};
    return print(body.dump() + "\n");
  }
  return print(fmt::format("{} files of packed weights removed, {}\n", removed->count, human_bytes(removed->bytes)));
}

Status list_models(const Context& context) {
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  const auto dir = models_dir(*config);
  const auto models = known_models(dir);
  const auto packed = models::packed_files(packed_folder());
  const std::uint64_t packed_bytes = std::accumulate(packed.begin(), packed.end(), std::uint64_t{0},
                                                     [](auto sum, const auto& file) { return sum + file.bytes; });
  if (context.json) {
    nlohmann::ordered_json body{
        {"dir", dir.string()}, {"models", nlohmann::ordered_json::array()}, {"packed_bytes", packed_bytes}};
    for (const auto& model : models) {
      body["models"].push_back({{"name", model.name},
                                {"kind", model.kind},
                                {"installed", model.installed},
                                {"default", model.is_default},
                                {"bytes", model.bytes},
                                {"license", model.license},
                                {"origin", model.origin},
                                {"path", model.path.string()}});
    }
    return print(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  std::size_t width = 4;
  for (const auto& model : models) width = std::max(width, model.name.size());
  std::string text = fmt::format("{:<{}}  {:<10}  {:<9}  {:>9}  {:<18}  {}\n", "NAME", width, "KIND", "INSTALLED",
                                 "SIZE", "LICENCE", "ORIGIN");
  for (const auto& model : models) {
    text += fmt::format("{:<{}}  {:<10}  {:<9}  {:>9}  {:<18}  {}\n", model.name, width, model.kind,
                        model.installed ? "yes" : "no", human_bytes(model.bytes),
                        model.license.empty() ? "unknown" : model.license, model.origin);
  }
  text += "In " + dir.string() + ". `zenith pull NAME` fetches one.\n";
  if (!packed.empty()) {
    text += fmt::format("Packed for quick starts: {} in {}. `zenith models --remove-packed` removes them.\n",
                        human_bytes(packed_bytes), packed_folder().string());
  }
  return print(text);
}

}  // namespace

Action add_models(CLI::App& app) {
  const auto remove = std::make_shared<bool>(false);
  app.add_flag("--remove-packed", *remove, "remove the packed weights that are kept for quick starts");
  return [remove](const Context& context) { return *remove ? drop_packed(context) : list_models(context); };
}

}  // namespace zenith::tools
