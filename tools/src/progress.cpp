#include "zenith/tools/progress.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace zenith::tools {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// For logs: a line at most every two seconds, and only when a tenth more has come.
class Lines final : public Progress {
 public:
  void begin(const std::string& what, std::uint64_t total_bytes) override {
    what_ = what;
    total_ = total_bytes;
    start_ = said_at_ = SteadyClock::now();
    said_ = 0;
  }
  void update(std::uint64_t done_bytes) override {
    const auto now = SteadyClock::now();
    if (now - said_at_ < std::chrono::seconds{2} || done_bytes < said_ + total_ / 10 || done_bytes == said_) return;
    said_at_ = now;
    said_ = done_bytes;
    std::fputs((progress_line(what_, done_bytes, total_, now - start_) + "\n").c_str(), stderr);
    std::fflush(stderr);
  }
  void end() override {}

 private:
  std::string what_;
  std::uint64_t total_ = 0, said_ = 0;
  SteadyClock::time_point start_, said_at_;
};

class Silent final : public Progress {
 public:
  void begin(const std::string&, std::uint64_t) override {}
  void update(std::uint64_t) override {}
  void end() override {}
};

class Terminal final : public Progress {
 public:
  ~Terminal() override { clear(); }
  void begin(const std::string& what, std::uint64_t total_bytes) override {
    clear();
    what_ = what;
    total_ = total_bytes;
    start_ = SteadyClock::now();
    drawn_at_ = {};
    update(0);
  }
  void update(std::uint64_t done_bytes) override {
    const auto now = SteadyClock::now();
    if (now - drawn_at_ < std::chrono::milliseconds{100}) return;
    drawn_at_ = now;
    std::fputs(("\r\x1b[2K" + progress_line(what_, done_bytes, total_, now - start_)).c_str(), stderr);
    std::fflush(stderr);
    drawn_ = true;
  }
  void end() override { clear(); }

 private:
  void clear() {
    if (!drawn_) return;
    std::fputs("\r\x1b[2K", stderr);
    std::fflush(stderr);
    drawn_ = false;
  }
  std::string what_;
  std::uint64_t total_ = 0;
  SteadyClock::time_point start_, drawn_at_;
  bool drawn_ = false;
};

}  // namespace

std::unique_ptr<Progress> make_progress(OffTerminal off_terminal) {
  if (isatty(STDERR_FILENO) != 0) return std::make_unique<Terminal>();
  if (off_terminal == OffTerminal::silent) return std::make_unique<Silent>();
  return std::make_unique<Lines>();
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string progress_line(const std::string& what, std::uint64_t done, std::uint64_t total,
                          std::chrono::duration<double> elapsed) {
  const double rate = elapsed.count() > 0.5 ? static_cast<double>(done) / elapsed.count() : 0;
  std::string line = what;
  if (total > 0) {
    const auto shown = done < total ? done : total;
    line += fmt::format("  {} %  {} / {}", shown * 100 / total, human_bytes(shown), human_bytes(total));
  } else {
    line += "  " + human_bytes(done);
  }
  if (rate > 0) {
    line += fmt::format("  {}/s", human_bytes(static_cast<std::uint64_t>(rate)));
    if (total > done) line += fmt::format("  {:.0f} s left", static_cast<double>(total - done) / rate);
  }
  return line;
}

}  // namespace zenith::tools
