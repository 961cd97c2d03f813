#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "verb.hpp"
#include "zenith/wire/curve.hpp"

namespace zenith::tools {
namespace {

struct Options {
  std::string dir, name;
  bool force = false, allow = false;
};

Status keys(const Options& options, const Context& context) {
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  const auto places = wire::key_places(config->curve);
  const auto dir = options.dir.empty() ? places.dir : std::filesystem::path{options.dir};
  const auto allow = options.dir.empty() ? places.allow : dir / "allow";
  const auto name = options.name.empty() ? std::string{"zenith"} : options.name;
  const auto made = wire::make_keys();
  if (!made) return tl::make_unexpected(made.error());
  if (auto ok = wire::save_keys(dir, name, *made, options.force); !ok) return ok;
  if (options.allow) {
    if (auto ok = wire::allow_key(allow, name, made->public_key); !ok) return ok;
  }
  const auto open = (dir / (name + ".public")).string(), secret = (dir / (name + ".secret")).string();
  if (context.json) {
    return print(nlohmann::ordered_json{{"name", name},
                                        {"public_key", made->public_key},
                                        {"public_file", open},
                                        {"secret_file", secret},
                                        {"allow", allow.string()},
                                        {"allowed", options.allow}}
                     .dump() +
                 "\n");
  }
  std::string text = fmt::format("public key {}\nin {}, its secret half in {}\n", made->public_key, open, secret);
  text += options.allow ? fmt::format("let in by {}\n", allow.string())
                        : fmt::format("Listeners let in the keys of {}: copy {} into theirs.\n", allow.string(), open);
  return print(text);
}

}  // namespace

Action add_keys(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--dir", options->dir, "where the pair goes; default curve.dir ($ZENITH_HOME/curve)");
  app.add_option("--name", options->name,
                 "NAME.public and NAME.secret; the id of the service that will use them; default zenith");
  app.add_flag("--allow", options->allow, "let the key in here: copy it into the allow folder");
  app.add_flag("--force", options->force, "replace a pair of that name");
  return [options](const Context& context) { return keys(*options, context); };
}

}  // namespace zenith::tools
