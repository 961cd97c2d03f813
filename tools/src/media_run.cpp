#include "media_run.hpp"

#include <stdlib.h>

#include <chrono>
#include <filesystem>

#include "local_model.hpp"
#include "media_child.hpp"
#include "verb.hpp"
#include "zenith/services/process_links.hpp"
#include "zenith/tools/model_files.hpp"

namespace zenith::tools {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::minutes kLoadLimit{2};

/// Sockets of this run only; removed with it.
class RunFolder {
 public:
  RunFolder() {
    std::string name = (fs::temp_directory_path() / "zenith-media-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

}  // namespace

Status with_media(const std::string& role, const std::string& model,
                  const std::function<Status(services::Stack&, Effects&)>& run) {
  auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  const RunFolder folder;
  config->links.run_dir = folder.path().string();
  config->log.level = "error";
  config->services.clear();
  for (const char* mine : {"gateway", "router"}) {
    ServiceConfig service;
    service.role = service.id = mine;
    config->services.push_back(std::move(service));
  }
  ServiceConfig hosted;
  hosted.role = hosted.id = role;
  hosted.models = {model};
  config->services.push_back(hosted);
  const auto command = media_command(*config, hosted, {});
  if (!command) return tl::make_unexpected(command.error());
  if (auto ok = media_is_there(*command); !ok) return tl::make_unexpected(ok.error());

  const auto effects = system_effects();
  auto links = services::join(
      *config,
      {.roles = {messages::Role::gateway, messages::Role::router}, .version = ZENITH_VERSION, .children = true},
      *effects);
  if (!links) return tl::make_unexpected(links.error());
  MemoryLedger ledger{memory_budget(*config)};
  Metrics metrics;
  services::StackOptions stack_options;
  stack_options.config = *config;
  stack_options.placement = (*links)->placement;
  stack_options.children = children_of(*config);
  auto stack = services::Stack::start(std::move(stack_options), *effects, ledger, metrics);
  if (!stack) return tl::make_unexpected(stack.error());
  auto children = start_children(*config, (*links)->placement.directory_endpoint, **stack);
  if (!children) return tl::make_unexpected(children.error());
  Status result = (*stack)->wait_loaded(kLoadLimit);
  if (result) result = run(**stack, *effects);
  children->clear();
  (*stack)->stop();
  return result;
}

}  // namespace zenith::tools
