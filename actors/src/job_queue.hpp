// One queue of runnable actors for all workers, as CAF's own `sharing` has it, but a worker is woken after the queue is
// unlocked: CAF signals under the lock, so that on a busy core the woken worker takes the core from the sender only to
// wait for it (measured: 1.4 sleeps of a worker for each message that comes over a link).
#pragma once

#include <caf/policy/unprofiled.hpp>
#include <caf/resumable.hpp>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace zenith::actors {

/// What after_turn() left for the end of a turn; one for each thread.
struct TurnEnd {
  bool within = false;
  std::vector<std::pair<const void*, std::function<void()>>> work;
  static TurnEnd& here() {
    thread_local TurnEnd mine;
    return mine;
  }
};

/// A scheduler policy in the sense of caf::scheduler::coordinator.
class JobQueue final : public caf::policy::unprofiled {
  // Of all workers. A sender holds it too: what it made runnable may end the system before it has signalled.
  struct Shared {
    std::mutex mutex;
    std::condition_variable not_empty;
    std::deque<caf::resumable*> jobs;
    std::size_t idle = 0;  // workers that wait
  };

 public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}
    const std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  };
  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    const auto shared = d(self).shared;
    bool wake = false;
    {
      const std::lock_guard lock(shared->mutex);
      shared->jobs.push_back(job);
      wake = shared->idle > 0;
    }
    if (wake) shared->not_empty.notify_one();
  }
  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    central_enqueue(self->parent(), job);
  }
  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    central_enqueue(self->parent(), job);
  }
  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    central_enqueue(self->parent(), job);
  }

  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    Shared& shared = *d(self->parent()).shared;
    std::unique_lock lock(shared.mutex);
    while (shared.jobs.empty()) {
      ++shared.idle;
      shared.not_empty.wait(lock);
      --shared.idle;
    }
    caf::resumable* job = shared.jobs.front();
    shared.jobs.pop_front();
    return job;
  }

  template <class Worker>
  void before_resume(Worker*, caf::resumable*) {
    TurnEnd::here().within = true;
  }
  template <class Worker>
  void after_resume(Worker*, caf::resumable*) {
    TurnEnd& turn = TurnEnd::here();
    turn.within = false;
    for (const auto& [who, work] : std::exchange(turn.work, {})) work();
  }

  template <class Worker, class Function>
  void foreach_resumable(Worker*, Function) {}
  template <class Coordinator, class Function>
  void foreach_central_resumable(Coordinator* self, Function f) {
    Shared& shared = *d(self).shared;
    const std::lock_guard lock(shared.mutex);
    for (caf::resumable* job : std::exchange(shared.jobs, {})) f(job);
  }
};

}  // namespace zenith::actors
