// A plugin at work: the one thread that calls it, what it lends checked, copied and handed on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "numbering.hpp"
#include "plugin.hpp"
#include "zenith/core/config.hpp"
#include "zenith/services/sensor/source.hpp"

namespace zenith::sensorhost {

/// Ends the process when the plugin fails, lies or hangs: the text is on the board by then. Does not return.
[[noreturn]] void end_with_fault(services::ChildBoard& board, const std::string& why);

/// Ends the process when a call of the plugin takes longer than it may.
class Watchdog {
 public:
  explicit Watchdog(services::ChildBoard& board);
  ~Watchdog();
  void on_call(SensorPhase phase, std::chrono::milliseconds limit);  ///< as OnCall

 private:
  void run();

  services::ChildBoard& board_;
  std::mutex mutex_;
  std::condition_variable changed_;
  SensorPhase phase_ = SensorPhase::idle;
  std::chrono::milliseconds limit_{0};
  std::chrono::steady_clock::time_point until_{};
  bool in_call_ = false, stop_ = false;
  std::thread thread_;
};

/// All channels of one plugin. Any thread.
class Runner {
 public:
  /// Opens the plugin on its thread and waits for that. @param service its options; its id is
  /// part of what makes a sensor this one, its instance the first part of sensors' ids.
  /// @returns what open says.
  static Expected<std::shared_ptr<Runner>> start(std::unique_ptr<Plugin> plugin, const ServiceConfig& service,
                                                 services::ChildBoard& board);
  ~Runner();

  /// One for each channel, in their order; they hold the runner.
  static std::vector<std::shared_ptr<services::SensorSource>> sources(const std::shared_ptr<Runner>& runner);

 private:
  class Source;
  struct Channel {
    services::SensorChannel is;
    Numbering numbering;
    std::optional<std::uint64_t> last_plugin_seq;
    std::int64_t last_t_ns = 0;
    bool gap_next = false;
    // Under the mutex.
    bool running = true;
    std::function<void(services::FramesRead)> frames;
    std::function<void(services::SourceHealth)> health;
  };
  Runner(std::unique_ptr<Plugin> plugin, const ServiceConfig& service, services::ChildBoard& board);
  void run(const std::string& options, std::function<void(Status)> opened);
  void read_once(std::vector<zenith_frame>& frames);
  void take(const zenith_frame* frames, std::size_t n);
  void ask_health();
  void deliver(std::size_t channel, services::FrameBlock block);
  bool wait_until_wanted(bool& started);

  std::unique_ptr<Plugin> plugin_;
  services::ChildBoard& board_;
  std::vector<Channel> channels_;
  std::shared_ptr<std::atomic<std::size_t>> on_the_way_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  services::SourceHealth said_;
  std::thread thread_;
};

}  // namespace zenith::sensorhost
