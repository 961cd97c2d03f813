#include "zenith/tools/pull.hpp"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "verb.hpp"
#include "verbs/pull_options.hpp"
#include "zenith/tools/catalog.hpp"
#include "zenith/tools/model_files.hpp"

namespace zenith::tools {
namespace {

struct Options {
  std::vector<std::string> names;
  std::string sha256;
  bool defaults = false;
};

Status pull_all(const Options& options, const Context& context) {
  std::vector<std::string> names = options.names;
  if (options.defaults) {
    for (const auto& row : catalog()) {
      if (row.is_default) names.emplace_back(row.name);
    }
  }
  if (names.empty()) return fail(Errc::invalid_argument, "which model? `zenith models` lists names", "model");
  if (!options.sha256.empty() && names.size() != 1) {
    return fail(Errc::invalid_argument, "--sha256 goes with one hf: name or URL", "sha256");
  }
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  auto pull_options = pull_options_from(*config);
  pull_options.sha256 = options.sha256;
  const auto progress = make_progress(OffTerminal::lines);
  nlohmann::ordered_json done = nlohmann::ordered_json::array();
  for (const auto& name : names) {
    const auto pulled = pull(name, pull_options, *progress);
    if (!pulled) return tl::make_unexpected(pulled.error());
    done.push_back({{"name", pulled->name},
                    {"path", pulled->folder.string()},
                    {"bytes", pulled->bytes},
                    {"already_there", pulled->already_there}});
    if (!context.json) {
      const std::string how = pulled->already_there ? " is there already: " : " is verified and in ";
      if (auto ok = print(pulled->name + how + pulled->folder.string() + "\n"); !ok) return ok;
    }
  }
  return context.json ? print(nlohmann::ordered_json{{"pulled", done}}.dump() + "\n") : Status{};
}

}  // namespace

PullOptions pull_options_from(const Config& config) {
  PullOptions options;
  options.models_dir = models_dir(config);
  options.hub_url = environment("ZENITH_HUB_URL").value_or("https://huggingface.co");
  while (!options.hub_url.empty() && options.hub_url.back() == '/') options.hub_url.pop_back();
  options.python = environment("ZENITH_PIP_PYTHON").value_or("/usr/bin/python3");
  options.say = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  return options;
}

Action add_pull(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->names,
                 "a name of `zenith models`, hf:owner/repo/file.gguf, or a URL of a .gguf file");
  app.add_option("--sha256", options->sha256, "the hash the file must have (hf: names: default is what the hub says)");
  app.add_flag("--defaults", options->defaults, "the models that `zenith serve` needs without a configuration");
  return [options](const Context& context) { return pull_all(*options, context); };
}

}  // namespace zenith::tools
