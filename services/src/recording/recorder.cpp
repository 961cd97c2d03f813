#include "zenith/services/recording/recorder.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "zenith/core/log.hpp"

namespace zenith::services {

struct Recorder::Shared {
  struct Waiting {
    std::size_t bytes = 0;
    Line line;
  };

  Shared(std::filesystem::path p, int f, Metrics& metrics, RecorderLimits l)
      : path(std::move(p)),
        fd(f),
        limits(l),
        active_gauge(metrics.gauge("zenith_recording_active", "1 while a session is being recorded")),
        lines(metrics.counter("zenith_recording_lines_total", "Lines written to the recording")),
        failures(metrics.counter("zenith_recording_failures_total", "Recordings that ended by a failure")) {
    active_gauge.set(1);
  }
  Shared(const Shared&) = delete;
  ~Shared() { ::close(fd); }

  /// Once: the first reason counts.
  void fail_with(const std::string& reason) {
    if (!active.exchange(false)) return;
    active_gauge.set(0);
    failures.add();
    log(LogLevel::error, "record", "the recording has ended early; serving goes on",
        {{"file", path.string()}, {"reason", reason}});
  }

  Status write_all(const std::string& text) const {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t done = ::write(fd, text.data() + at, text.size() - at);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return fail(Errc::io, std::generic_category().message(errno));
      at += static_cast<std::size_t>(done);
    }
    return {};
  }

  void run() {
    ::pthread_setname_np(::pthread_self(), "zenith-record");
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return closing || !waiting.empty(); });
      if (waiting.empty()) break;
      std::deque<Waiting> batch;
      batch.swap(waiting);
      waiting_bytes = 0;
      lock.unlock();
      if (active) {
        std::string text;
        for (Waiting& one : batch) (text += one.line()) += '\n';
        if (auto ok = write_all(text); ok) {
          if (active) lines.add(static_cast<double>(batch.size()));
        } else {
          fail_with(ok.error().message);
        }
      }
      batch.clear();
      lock.lock();
    }
    ended = true;
    ended_changed.notify_all();
  }

  const std::filesystem::path path;
  const int fd;
  const RecorderLimits limits;
  Gauge& active_gauge;
  Counter& lines;
  Counter& failures;
  std::atomic<bool> active{true};

  std::mutex mutex;
  std::condition_variable changed, ended_changed;
  std::deque<Waiting> waiting;
  std::size_t waiting_bytes = 0;
  bool closing = false, ended = false;
};

Expected<std::shared_ptr<Recorder>> Recorder::create(const std::filesystem::path& path, Metrics& metrics,
                                                     RecorderLimits limits) {
  const auto refused = [&path](int code) {
    return fail(Errc::io, path.string() + " cannot be written: " + std::generic_category().message(code), "record");
  };
  // Not blocking: a pipe that nobody reads must not hold the start up.
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0600);
  if (fd < 0) return refused(errno);
  struct stat about{};
  if (::fstat(fd, &about) != 0 || (S_ISREG(about.st_mode) && ::fchmod(fd, 0600) != 0)) {
    const int code = errno;
    ::close(fd);
    return refused(code);
  }
  if (about.st_size > 0) {
    ::close(fd);
    return fail(Errc::invalid_argument, path.string() + " has content already: name another file or remove it",
                "record");
  }
  auto shared = std::make_shared<Shared>(path, fd, metrics, limits);
  std::thread([shared] { shared->run(); }).detach();
  return std::shared_ptr<Recorder>{new Recorder{std::move(shared)}};
}

Recorder::~Recorder() { close(std::chrono::seconds(5)); }

bool Recorder::active() const noexcept { return shared_->active; }

void Recorder::add(std::size_t bytes, Line line) {
  if (!active()) return;
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->closing) return;
    if (shared_->waiting.size() < shared_->limits.lines && shared_->waiting_bytes + bytes <= shared_->limits.bytes) {
      shared_->waiting.push_back({bytes, std::move(line)});
      shared_->waiting_bytes += bytes;
      shared_->changed.notify_one();
      return;
    }
  }
  shared_->fail_with("the disk does not keep up: the queue of lines is full");
}

void Recorder::close(std::chrono::milliseconds limit) {
  std::unique_lock lock(shared_->mutex);
  shared_->closing = true;
  shared_->changed.notify_one();
  if (!shared_->ended_changed.wait_for(lock, limit, [this] { return shared_->ended; })) {
    lock.unlock();
    shared_->fail_with("the disk did not take the last lines in time");
    return;
  }
  if (shared_->active.exchange(false)) shared_->active_gauge.set(0);
}

}  // namespace zenith::services
