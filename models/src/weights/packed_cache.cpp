#include "zenith/models/weights/packed_cache.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "weights/cache_file.hpp"

namespace zenith::models {
namespace fs = std::filesystem;

namespace {

constexpr std::chrono::hours kAbandoned{1};  // no writer takes that long

std::vector<PackedFile> files_with(const fs::path& folder, bool finished) {
  std::vector<PackedFile> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code gone;
    if (!name.ends_with(finished ? kPackedSuffix : kUnfinishedSuffix) || !it->is_regular_file(gone)) continue;
    const PackedFile file{it->path(), it->file_size(gone), it->last_write_time(gone)};
    if (!gone) files.push_back(file);
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
  return files;
}

}  // namespace

PackedCache packed_cache(const ModelsConfig& config) {
  if (config.packed_bytes == 0) return {};
  return {packed_folder(), config.packed_bytes};
}

std::vector<PackedFile> packed_files(const fs::path& folder) { return files_with(folder, true); }

Expected<RemovedFiles> remove_packed(const fs::path& folder) {
  RemovedFiles removed;
  for (const bool finished : {true, false}) {
    for (const PackedFile& file : files_with(folder, finished)) {
      std::error_code error;
      fs::remove(file.path, error);
      if (error) {
        return fail(Errc::io, fmt::format("cannot remove '{}': {}", file.path.string(), error.message()),
                    file.path.string());
      }
      ++removed.count;
      removed.bytes += file.bytes;
    }
  }
  return removed;
}

Status make_room(const PackedCache& cache, const fs::path& path, std::uint64_t bytes) {
  if (bytes > cache.most_bytes) {
    return fail(Errc::payload_too_large,
                fmt::format("{} bytes are over the limit of {}, models.packed_bytes", bytes, cache.most_bytes));
  }
  std::error_code error;
  for (const PackedFile& file : files_with(cache.folder, false)) {
    if (fs::file_time_type::clock::now() - file.used > kAbandoned) fs::remove(file.path, error);
  }
  std::vector<PackedFile> files = packed_files(cache.folder);
  std::erase_if(files, [&](const PackedFile& file) { return file.path == path; });
  std::uint64_t sum = bytes;
  for (const PackedFile& file : files) sum += file.bytes;
  for (const PackedFile& file : files) {
    if (sum <= cache.most_bytes) break;
    if (fs::remove(file.path, error)) sum -= file.bytes;
  }
  fs::create_directories(cache.folder, error);
  const auto space = fs::space(cache.folder, error);
  if (!error && space.available / 2 < bytes) {
    return fail(Errc::io, fmt::format("{} bytes would take more than half of the {} that are free on its disk", bytes,
                                      space.available));
  }
  return {};
}

}  // namespace zenith::models
