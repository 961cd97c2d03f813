#include "zenith/actors/timers.hpp"

namespace zenith::actors {

Timers::Set Timers::at(Instant when, Alarm alarm) {
  const std::lock_guard lock(mutex_);
  const TimerId id = ++last_;
  const auto where = alarms_.emplace(std::pair{when, id}, std::move(alarm)).first;
  when_.emplace(id, when);
  return {id, where == alarms_.begin()};
}

void Timers::cancel(TimerId id) {
  Alarm dropped;  // destroyed outside the lock: what it captured may set or cancel alarms
  const std::lock_guard lock(mutex_);
  const auto it = when_.find(id);
  if (it == when_.end()) return;
  const auto where = alarms_.find({it->second, id});
  dropped = std::move(where->second);
  alarms_.erase(where);
  when_.erase(it);
}

std::optional<Instant> Timers::next() const {
  const std::lock_guard lock(mutex_);
  if (alarms_.empty()) return std::nullopt;
  return alarms_.begin()->first.first;
}

std::vector<Timers::Alarm> Timers::take_due(Instant now) {
  const std::lock_guard lock(mutex_);
  std::vector<Alarm> due;
  while (!alarms_.empty() && alarms_.begin()->first.first <= now) {
    due.push_back(std::move(alarms_.begin()->second));
    when_.erase(alarms_.begin()->first.second);
    alarms_.erase(alarms_.begin());
  }
  return due;
}

std::size_t Timers::size() const {
  const std::lock_guard lock(mutex_);
  return alarms_.size();
}

}  // namespace zenith::actors
