#include "net/loop.hpp"

namespace zenith::gateway {

bool Loop::push(std::unique_ptr<Task> task) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  tasks_.push_back(std::move(task));
  if (tasks_.size() == 1) wake_();
  return true;
}

void Loop::run_posted() {
  std::vector<std::unique_ptr<Task>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) {
    task->run();
    task.reset();
  }
}

void Loop::close() {
  for (;;) {
    std::vector<std::unique_ptr<Task>> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
      if (tasks.empty()) {
        closed_ = true;
        return;
      }
    }
    for (auto& task : tasks) task->run();
  }
}

}  // namespace zenith::gateway
