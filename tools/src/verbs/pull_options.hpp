#pragma once

#include "zenith/core/config.hpp"
#include "zenith/tools/pull.hpp"

namespace zenith::tools {

/// Models folder from the configuration; the hub from $ZENITH_HUB_URL (default: the public one), pip's python from
/// $ZENITH_PIP_PYTHON; lines for people go to stderr.
PullOptions pull_options_from(const Config& config);

}  // namespace zenith::tools
