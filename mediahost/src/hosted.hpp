// What zenith-media can run: from a model's files to a service.
#pragma once

#include <filesystem>

#include "zenith/services/hosted.hpp"

namespace zenith::mediahost {

/// What a service may have of the machine.
struct Share {
  int nice;     ///< as of give_way()
  int threads;  ///< that read a picture's lines, at least 1
};

/// By the role and what lies at `path`. Compiled graphs are kept in $ZENITH_HOME/cache/graphs, so that a restart is
/// quick.
/// @returns unsupported when no engine of this process knows such a model.
Expected<services::HostedService> load_hosted(const services::HostedSpec& spec, const std::filesystem::path& path,
                                              Share share);

}  // namespace zenith::mediahost
