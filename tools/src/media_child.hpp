// zenith-media as a child of this process: started, watched, started again.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "zenith/core/config.hpp"
#include "zenith/core/error.hpp"
#include "zenith/messages/directory.hpp"
#include "zenith/services/stack.hpp"

namespace zenith::tools {

/// What one zenith-media is started with.
struct MediaCommand {
  std::filesystem::path program;  ///< beside this executable
  std::vector<std::string> args;  ///< without --config and --parent
  std::string config;             ///< TOML
};

/// `service` of `config` in a process of its own. Its models must be in the models folder.
/// @param directory where the child dials the directory. @returns not_found naming a model.
Expected<MediaCommand> media_command(const Config& config, const ServiceConfig& service, const std::string& directory);

/// zenith-media is there and may be run. @returns not_found saying how to get it.
Status media_is_there(const MediaCommand& command);

/// Becomes zenith-media: does not return when it goes well.
Error exec_media(const MediaCommand& command);

/// One child, kept alive by a thread of its own (the death of that thread would be the child's, too).
class MediaChild {
 public:
  /// @param tell from the thread, how the child is while it cannot say so itself; must return at once.
  static std::unique_ptr<MediaChild> start(MediaCommand command,
                                           std::function<void(messages::Health, std::string)> tell);
  virtual ~MediaChild() = default;  ///< stops the child: at most three seconds, then it is killed
};

/// Those that run in zenith-media.
std::vector<ServiceConfig> media_services(const Config& config);

/// As the directory names them until they speak for themselves.
std::vector<services::ChildService> children_of(const Config& config);

/// Starts zenith-media for each of them. @returns not_found naming a model.
Expected<std::vector<std::unique_ptr<MediaChild>>> start_children(const Config& config, const std::string& directory,
                                                                  services::Stack& stack);

}  // namespace zenith::tools
