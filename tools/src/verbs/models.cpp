#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "verb.hpp"
#include "zenith/tools/model_files.hpp"
#include "zenith/tools/progress.hpp"

namespace zenith::tools {
namespace {

Status list_models(const Context& context) {
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  const auto dir = models_dir(*config);
  const auto models = known_models(dir);
  if (context.json) {
    nlohmann::ordered_json body{{"dir", dir.string()}, {"models", nlohmann::ordered_json::array()}};
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
  return print(text + "In " + dir.string() + ". `zenith pull NAME` fetches one.\n");
}

}  // namespace

Action add_models(CLI::App&) { return list_models; }

}  // namespace zenith::tools
