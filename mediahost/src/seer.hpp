// Media's eyes as the vision service takes them.
#pragma once

#include <filesystem>
#include <memory>

#include "zenith/services/vision/image_reader.hpp"

namespace zenith::mediahost {

/// PP-OCR and the tree of a screen. @param folder of the model's graphs. @param cache a folder for compiled ones, so
/// that a restart is quick; empty: none. @param threads that read, at least 1.
Expected<std::shared_ptr<services::ImageReader>> load_seer(const std::filesystem::path& folder,
                                                           const std::filesystem::path& cache, int threads);

}  // namespace zenith::mediahost
