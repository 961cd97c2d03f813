// A plugin's library and its table. Every call says on the board what it is, so that who comes after a crash knows.
#pragma once

#include <zenith_sensor.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "manifest.hpp"
#include "zenith/core/error.hpp"
#include "zenith/services/sensor/child_board.hpp"

namespace zenith::sensorhost {

using services::SensorPhase;

/// Told before each call of the plugin, with how long it may take; and after it, with SensorPhase::idle.
using OnCall = std::function<void(SensorPhase phase, std::chrono::milliseconds limit)>;

/// Looks at the file without running any of its code: an ELF shared library of this machine, readable.
/// @returns bad_file or not_found saying what it is instead.
Status check_library(const std::filesystem::path& path);

/// One thread at a time.
class Plugin {
 public:
  /// Runs the library's constructors and zenith_sensor_entry. @returns bad_file: no library, no entry, another ABI
  /// (both numbers in the text), a table too small or with empty calls, a manifest that is wrong.
  static Expected<std::unique_ptr<Plugin>> load(const std::filesystem::path& path, OnCall on_call);
  ~Plugin();

  const Manifest& manifest() const noexcept { return manifest_; }

  Status open(const std::string& options);  ///< @returns unavailable with the plugin's reason
  Status start();
  /// @param out its size is the room. @returns how many were lent, or io with the reason.
  Expected<int> read(std::chrono::milliseconds wait, std::vector<zenith_frame>& out);
  void release(std::vector<zenith_frame>& frames, int n);
  Status health(std::string& text);
  Status stop();
  void close();

 private:
  Plugin(void* library, const zenith_sensor_v1& table, Manifest manifest, OnCall on_call)
      : library_(library), table_(table), manifest_(std::move(manifest)), on_call_(std::move(on_call)) {}
  template <class Call>
  auto in(SensorPhase phase, std::chrono::milliseconds limit, Call call);

  void* library_;
  zenith_sensor_v1 table_;  // as it was when it was checked
  Manifest manifest_;
  OnCall on_call_;
  void* self_ = nullptr;
};

}  // namespace zenith::sensorhost
