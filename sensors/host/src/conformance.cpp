#include "conformance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "frame_check.hpp"
#include "plugin.hpp"
#include "runner.hpp"

namespace zenith::sensorhost {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kWait{100}, kLateReturn{250};
constexpr std::size_t kRoom = 64;  // the least that a plugin has to expect
constexpr double kSlowest = 0.5, kFastest = 2;

class Report {
 public:
  bool say(const std::string& check, const Status& result, const std::string& detail = {}) {
    const std::string text = result ? detail : result.error().message;
    const nlohmann::ordered_json line{{"check", check}, {"ok", result.has_value()}, {"detail", text}};
    std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    std::fflush(stdout);
    good_ = good_ && result.has_value();
    return result.has_value();
  }
  bool good() const noexcept { return good_; }

 private:
  bool good_ = true;
};

struct Seen {
  std::uint64_t frames = 0, last_seq = 0;
  std::int64_t last_t = 0, first_t = 0;
};

/// Reads for a while; the first frame that lies ends it.
Status read_for(Plugin& plugin, milliseconds time, std::map<std::uint32_t, Seen>& seen, milliseconds& slowest) {
  std::vector<zenith_frame> frames(kRoom);
  std::map<std::uint32_t, std::optional<std::uint64_t>> after;
  for (const auto until = SteadyClock::now() + time; SteadyClock::now() < until;) {
    const auto begin = SteadyClock::now();
    const auto n = plugin.read(kWait, frames);
    slowest = std::max(slowest, std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin));
    if (!n) return tl::make_unexpected(n.error());
    if (*n == 0) continue;
    const std::int64_t now = SteadyClock::now().time_since_epoch().count();
    for (int i = 0; i < *n; ++i) {
      const zenith_frame& frame = frames[static_cast<std::size_t>(i)];
      if (auto ok = check_frame(frame, plugin.manifest(), after[frame.channel]); !ok) return ok;
      if (frame.t_mono_ns <= 0 || frame.t_mono_ns > now + 1'000'000'000) {
        return fail(Errc::bad_frame, fmt::format("a frame of channel {} has t_mono_ns {}: CLOCK_MONOTONIC says {}",
                                                 frame.channel, frame.t_mono_ns, now));
      }
      after[frame.channel] = frame.seq;
      Seen& s = seen[frame.channel];
      if (s.frames++ == 0) s.first_t = frame.t_mono_ns;
      if (frame.t_mono_ns < s.last_t) {
        return fail(Errc::bad_frame, fmt::format("t_mono_ns of channel {} goes back", frame.channel));
      }
      s.last_t = frame.t_mono_ns;
      s.last_seq = frame.seq;
      volatile unsigned char sum = 0;  // every lent byte can be read
      for (std::uint64_t b = 0; b < frame.bytes; ++b) sum = sum + static_cast<const unsigned char*>(frame.data)[b];
    }
    plugin.release(frames, *n);
  }
  return {};
}

void check_rates(Report& report, const Plugin& plugin, const std::map<std::uint32_t, Seen>& seen, milliseconds time) {
  const double seconds = std::chrono::duration<double>(time).count();
  for (std::uint32_t c = 0; c < plugin.manifest().channels.size(); ++c) {
    const auto& entry = plugin.manifest().channels[c];
    const auto it = seen.find(c);
    const double frames = it == seen.end() ? 0 : static_cast<double>(it->second.frames);
    const std::string check = "rate of " + plugin.manifest().sensor_id(c);
    const std::string detail = fmt::format("{} frames in {:g} s", frames, seconds);
    const bool enough = entry.rate_hz * seconds < 4 || (frames > kSlowest * entry.rate_hz * seconds &&
                                                        frames < kFastest * entry.rate_hz * seconds + 4);
    report.say(check,
               enough ? Status{}
                      : fail(Errc::bad_frame, detail + fmt::format(", the manifest says {} a second", entry.rate_hz)),
               detail);
  }
}

}  // namespace

bool test_plugin(const ConformanceOptions& options, services::ChildBoard& board) {
  Report report;
  Watchdog watchdog{board};
  const auto on_call = [&](SensorPhase phase, milliseconds limit) { watchdog.on_call(phase, limit); };
  if (!report.say("library", check_library(options.plugin), options.plugin.string())) return false;
  auto loaded = Plugin::load(options.plugin, on_call);
  if (!report.say("table and manifest", loaded ? Status{} : tl::make_unexpected(loaded.error()),
                  loaded ? fmt::format("{} {}, {} channels", (*loaded)->manifest().id, (*loaded)->manifest().version,
                                       (*loaded)->manifest().channels.size())
                         : "")) {
    return false;
  }
  Plugin& plugin = **loaded;
  for (int life = 1; life <= 2; ++life) {
    const std::string name = life == 1 ? "" : " again";
    if (!report.say("open" + name, plugin.open(options.options))) return false;
    if (!report.say("start" + name, plugin.start())) return false;
    std::map<std::uint32_t, Seen> seen;
    milliseconds slowest{0};
    const milliseconds time = life == 1 ? options.read_for : options.read_for / 4;
    if (!report.say("read_batch" + name, read_for(plugin, time, seen, slowest))) return false;
    report.say("time limit" + name,
               slowest <= kWait + kLateReturn
                   ? Status{}
                   : fail(Errc::deadline,
                          fmt::format("read_batch took {} ms, it was given {}", slowest.count(), kWait.count())),
               fmt::format("at most {} ms of {}", slowest.count(), kWait.count()));
    if (life == 1) check_rates(report, plugin, seen, time);
    std::string text;
    report.say("health" + name, plugin.health(text), text);
    report.say("stop" + name, plugin.stop());
    report.say("start after stop" + name, plugin.start());
    report.say("stop after that" + name, plugin.stop());
    plugin.close();
    report.say("close" + name, {});
  }
  report.say("a whole life, twice", {});
  return report.good();
}

}  // namespace zenith::sensorhost
