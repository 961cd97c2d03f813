#include "runner.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <future>

#include "frame_check.hpp"
#include "zenith/core/log.hpp"

namespace zenith::sensorhost {
namespace {

using services::ChildBoard;
using services::FrameBlock;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kRoom = 256;
constexpr milliseconds kWait{100};
constexpr std::chrono::seconds kHealthEvery{5};
constexpr std::int64_t kLate = 1'000'000'000, kAhead = 1'000'000'000;  // ns
constexpr std::size_t kMostOnTheWay = std::size_t{64} << 20;           // bytes between this thread and the rings

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

}  // namespace

void end_with_fault(ChildBoard& board, const std::string& why) {
  board.set_fault(why);
  log(LogLevel::error, "sensor", why);
  _exit(services::kExitFault);
}

Watchdog::Watchdog(ChildBoard& board) : board_(board), thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watchdog::on_call(SensorPhase phase, milliseconds limit) {
  board_.set_phase(phase);
  const std::lock_guard lock(mutex_);
  in_call_ = phase != SensorPhase::idle && limit.count() > 0;
  phase_ = phase;
  limit_ = limit;
  until_ = SteadyClock::now() + limit;
}

// It looks twice a second: a call that ends in time costs it nothing.
void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    changed_.wait_for(lock, milliseconds{500});
    if (stop_ || !in_call_ || SteadyClock::now() < until_) continue;
    end_with_fault(board_,
                   fmt::format("the plugin hangs: {} has not returned after {} ms", name_of(phase_), limit_.count()));
  }
}

class Runner::Source final : public services::SensorSource {
 public:
  Source(std::shared_ptr<Runner> runner, std::size_t channel) : runner_(std::move(runner)), channel_(channel) {}
  const services::SensorChannel& channel() const noexcept override { return runner_->channels_[channel_].is; }
  void deliver_to(std::function<void(services::FramesRead)> frames,
                  std::function<void(services::SourceHealth)> health) override {
    const std::lock_guard lock(runner_->mutex_);
    auto& channel = runner_->channels_[channel_];
    channel.frames = std::move(frames);
    channel.health = std::move(health);
    if (!runner_->said_.text.empty()) channel.health(runner_->said_);
  }
  void set_running(bool run) override {
    {
      const std::lock_guard lock(runner_->mutex_);
      runner_->channels_[channel_].running = run;
    }
    runner_->changed_.notify_all();
  }

 private:
  std::shared_ptr<Runner> runner_;
  std::size_t channel_;
};

Runner::Runner(std::unique_ptr<Plugin> plugin, const ServiceConfig& service, ChildBoard& board)
    : plugin_(std::move(plugin)), board_(board) {
  const Manifest& manifest = plugin_->manifest();
  for (std::size_t i = 0; i < manifest.channels.size(); ++i) {
    const auto& entry = manifest.channels[i];
    const std::string id = service.instance.empty() ? manifest.sensor_id(i) : service.instance + "." + entry.channel;
    const auto generation = manifest.hash ^ std::hash<std::string>{}(service.id + "/" + id);
    channels_.push_back({{id, entry, Generation{generation}}, {board.numbers(manifest.hash, i), entry.rate_hz}});
  }
}

Expected<std::shared_ptr<Runner>> Runner::start(std::unique_ptr<Plugin> plugin, const ServiceConfig& service,
                                                ChildBoard& board) {
  const std::shared_ptr<Runner> runner{new Runner(std::move(plugin), service, board)};
  const auto opened = std::make_shared<std::promise<Status>>();
  auto result = opened->get_future();
  runner->thread_ = std::thread{[raw = runner.get(), options = service.options, opened] {
    raw->run(options, [opened](Status status) { opened->set_value(std::move(status)); });
  }};
  if (auto ok = result.get(); !ok) return tl::make_unexpected(ok.error());
  return runner;
}

Runner::~Runner() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::vector<std::shared_ptr<services::SensorSource>> Runner::sources(const std::shared_ptr<Runner>& runner) {
  std::vector<std::shared_ptr<services::SensorSource>> out;
  for (std::size_t i = 0; i < runner->channels_.size(); ++i) out.push_back(std::make_shared<Source>(runner, i));
  return out;
}

void Runner::run(const std::string& options, std::function<void(Status)> opened) {
  pthread_setname_np(pthread_self(), "zenith-plugin");
  auto ok = plugin_->open(options);
  const bool good = ok.has_value();
  opened(std::move(ok));
  if (!good) return;
  std::vector<zenith_frame> frames(kRoom);
  bool started = false;
  auto next_health = SteadyClock::now() + kHealthEvery / 5;
  while (wait_until_wanted(started)) {
    read_once(frames);
    if (SteadyClock::now() < next_health) continue;
    next_health = SteadyClock::now() + kHealthEvery;
    ask_health();
  }
  if (started) static_cast<void>(plugin_->stop());
  plugin_->close();
}

/// Starts and stops the plugin as its channels are wanted. @returns false when the runner ends.
bool Runner::wait_until_wanted(bool& started) {
  for (;;) {
    bool wanted = false;
    {
      std::unique_lock lock(mutex_);
      wanted = std::any_of(channels_.begin(), channels_.end(), [](const Channel& c) { return c.running; });
      if (stop_) return false;
      if (!wanted && !started) {
        changed_.wait(lock);
        continue;
      }
    }
    if (wanted == started) return true;
    const auto ok = wanted ? plugin_->start() : plugin_->stop();
    if (!ok) end_with_fault(board_, ok.error().message);
    started = wanted;
    if (wanted) return true;
  }
}

void Runner::read_once(std::vector<zenith_frame>& frames) {
  const auto n = plugin_->read(kWait, frames);
  if (!n) end_with_fault(board_, n.error().message);
  if (*n == 0) return;
  const auto count = static_cast<std::size_t>(*n);
  for (std::size_t i = 0; i < count; ++i) {
    const zenith_frame& frame = frames[i];
    const bool known = frame.channel < channels_.size();
    const auto ok =
        check_frame(frame, plugin_->manifest(), known ? channels_[frame.channel].last_plugin_seq : std::nullopt);
    if (!ok) end_with_fault(board_, ok.error().message);
    channels_[frame.channel].last_plugin_seq = frame.seq;
  }
  board_.set_phase(SensorPhase::copying);
  take(frames.data(), count);
  board_.set_phase(SensorPhase::idle);
  plugin_->release(frames, *n);
}

/// Frames of one channel and one shape that follow each other become a block.
void Runner::take(const zenith_frame* frames, std::size_t n) {
  const std::int64_t now = now_ns();
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    Channel& channel = channels_[c];
    bool running = false;
    {
      const std::lock_guard lock(mutex_);
      running = channel.running;
    }
    FrameBlock block;
    std::vector<std::byte> data;
    const auto flush = [&] {
      if (block.heads.empty()) return;
      board_.set_numbers(plugin_->manifest().hash, c, {block.heads.back().seq + 1, block.heads.back().t_ns});
      block.data = Buffer::of(std::exchange(data, {}));
      deliver(c, std::exchange(block, {}));
    };
    for (std::size_t i = 0; i < n; ++i) {
      const zenith_frame& frame = frames[i];
      if (frame.channel != c) continue;
      messages::FrameHead head{frame.seq, frame.t_mono_ns, frame.t_wall_ns, frame.flags};
      // Windows are cut by this time: it never goes back, and never ahead of the machine's.
      if (head.t_ns > now + kAhead || head.t_ns < channel.last_t_ns || head.t_ns <= 0) {
        head.t_ns = std::max(now, channel.last_t_ns);
        head.flags |= messages::kFrameLate;
      }
      if (now - head.t_ns > kLate) head.flags |= messages::kFrameLate;
      channel.last_t_ns = head.t_ns;
      const auto number = channel.numbering.next(frame.seq, head.t_ns);
      head.seq = number.seq;
      if (!running) {
        channel.gap_next = true;
        continue;
      }
      if (number.gap || std::exchange(channel.gap_next, false)) head.flags |= messages::kFrameGap;
      auto dims = dims_of(frame);
      const bool large = data.size() + frame.bytes > messages::kMostFrameBytes;
      if (!block.heads.empty() && (block.dims != dims || large)) flush();
      block.dims = std::move(dims);
      block.heads.push_back(head);
      const auto* bytes = static_cast<const std::byte*>(frame.data);
      data.insert(data.end(), bytes, bytes + frame.bytes);
    }
    flush();
  }
}

void Runner::deliver(std::size_t c, FrameBlock block) {
  const std::size_t bytes = block.data.size() + block.heads.size() * sizeof(messages::FrameHead);
  // Who reads the rings is far behind: what does not fit is a gap that every reader sees.
  if (on_the_way_->load() + bytes > kMostOnTheWay) {
    channels_[c].gap_next = true;
    return;
  }
  *on_the_way_ += bytes;
  std::shared_ptr<const void> ticket{static_cast<const void*>(this),
                                     [way = on_the_way_, bytes](const void*) { *way -= bytes; }};
  const std::lock_guard lock(mutex_);
  if (channels_[c].frames) channels_[c].frames({std::move(block), std::move(ticket)});
}

void Runner::ask_health() {
  services::SourceHealth now;
  std::string text;
  const auto ok = plugin_->health(text);
  now.well = ok.has_value();
  now.text = ok ? text : ok.error().message;
  const std::lock_guard lock(mutex_);
  if (now.text == said_.text && now.well == said_.well) return;
  // A line that changes each time (a counter) is not news: only how the plugin is.
  const bool news = now.well != said_.well || said_.text.empty() || !now.well;
  said_ = now;
  if (!news) return;
  for (const auto& channel : channels_) {
    if (channel.health) channel.health(now);
  }
}

}  // namespace zenith::sensorhost
