#include "watchdog.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "zenith/services/heartbeat.hpp"

namespace zenith::mediahost {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kLookEvery{500};

milliseconds compute_of_process() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return milliseconds{std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000};
}

/// What one worker does. The watcher alone touches what is below `working`.
struct Watched {
  std::string name;
  services::Heartbeat beats = 0;
  std::atomic<bool> working = false;

  struct Seen {
    std::uint64_t beats;
    milliseconds compute;
    SteadyClock::time_point at;
  };
  std::optional<Seen> seen{};
};

class WatchedWorker final : public services::Worker {
 public:
  WatchedWorker(std::shared_ptr<Watched> watched, int nice)
      : watched_(std::move(watched)), nice_(nice), worker_(services::make_worker(watched_->name)) {}
  Status submit(Job job) override {
    return worker_->submit([watched = watched_, nice = nice_, job = std::move(job)] {
      give_way(nice);
      services::beat_into(&watched->beats);
      services::beat();
      watched->working = true;
      job();
      watched->working = false;
    });
  }
  void stop() override { worker_->stop(); }

 private:
  std::shared_ptr<Watched> watched_;
  int nice_;
  std::unique_ptr<services::Worker> worker_;
};

class Watching final : public Watchdog {
 public:
  Watching(JobLimits limits, int nice, std::function<void(const std::string&)> bite)
      : limits_(limits), nice_(nice), bite_(std::move(bite)), thread_([this] { run(); }) {}
  ~Watching() override {
    {
      const std::scoped_lock lock{mutex_};
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::unique_ptr<services::Worker> worker(const std::string& name) override {
    auto watched = std::make_shared<Watched>();
    watched->name = name;
    {
      const std::scoped_lock lock{mutex_};
      all_.push_back(watched);
    }
    return std::make_unique<WatchedWorker>(std::move(watched), nice_);
  }

 private:
  void run() {
    std::unique_lock lock{mutex_};
    while (!changed_.wait_for(lock, kLookEvery, [&] { return stopped_; })) {
      for (const auto& watched : all_) {
        if (is_stuck(*watched)) return bite_(watched->name);
      }
    }
  }

  bool is_stuck(Watched& watched) const {
    if (!watched.working) {
      watched.seen.reset();
      return false;
    }
    const Watched::Seen now{watched.beats, compute_of_process(), SteadyClock::now()};
    if (!watched.seen || watched.seen->beats != now.beats) watched.seen = now;
    return now.compute - watched.seen->compute > limits_.compute || now.at - watched.seen->at > limits_.time;
  }

  JobLimits limits_;
  int nice_;
  std::function<void(const std::string&)> bite_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Watched>> all_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace

void give_way(int nice) noexcept { setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), nice); }

std::unique_ptr<Watchdog> Watchdog::start(JobLimits limits, int nice, std::function<void(const std::string&)> bite) {
  return std::make_unique<Watching>(limits, nice, std::move(bite));
}

}  // namespace zenith::mediahost
