#include "zenith/services/lane.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "zenith/kernels/thread_pool.hpp"

namespace zenith::services {
namespace {

void name_this_thread(const std::string& name) { ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str()); }

class ThreadLane final : public Lane {
 public:
  explicit ThreadLane(int threads) : thread_([this, threads] { run(threads); }) {}
  ~ThreadLane() override { stop(); }

  void submit(LanePriority priority, Job job) override {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      (priority == LanePriority::decode ? decode_ : prefill_).push_back(std::move(job));
    }
    changed_.notify_one();
  }

  void stop() override {
    std::deque<Job> decode, prefill;  // destroyed outside the lock
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      decode.swap(decode_);
      prefill.swap(prefill_);
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run(int threads) {
    name_this_thread("zenith-lane");
    kernels::ThreadPool pool(threads);
    kernels::Workspace workspace;
    kernels::Exec ex;
    ex.pool = &pool;
    ex.workspace = &workspace;
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopped_ || !decode_.empty() || !prefill_.empty(); });
      if (stopped_) return;
      const bool take_prefill = decode_.empty() || (!prefill_.empty() && passed_over_ >= 4);
      passed_over_ = take_prefill || prefill_.empty() ? 0 : passed_over_ + 1;
      auto& queue = take_prefill ? prefill_ : decode_;
      Job job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      job(ex);
      job = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> decode_, prefill_;
  int passed_over_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

class ThreadWorker final : public Worker {
 public:
  ThreadWorker(std::string name, std::size_t most)
      : most_(most), thread_([this, name = std::move(name)] { run(name); }) {}
  ~ThreadWorker() override { stop(); }

  Status submit(Job job) override {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return {};
      if (jobs_.size() >= most_) {
        return tl::make_unexpected(Error{Errc::overloaded,
                                         fmt::format("{} requests wait to be prepared: retry later", jobs_.size()),
                                         {},
                                         std::chrono::seconds(1)});
      }
      jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
    return {};
  }

  void stop() override {
    std::deque<Job> rest;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      rest.swap(jobs_);
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run(const std::string& name) {
    name_this_thread(name);
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
      if (stopped_) return;
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace

int compute_threads(const Config& config) {
  return config.lanes.compute == 0 ? kernels::usable_cores() : static_cast<int>(config.lanes.compute);
}

std::unique_ptr<Lane> make_lane(int threads) { return std::make_unique<ThreadLane>(threads); }
std::unique_ptr<Worker> make_worker(std::string name, std::size_t most) {
  return std::make_unique<ThreadWorker>(std::move(name), most);
}

}  // namespace zenith::services
