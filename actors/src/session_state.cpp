#include <fmt/format.h>

#include "zenith/actors/session.hpp"
#include "zenith/core/log.hpp"

namespace zenith::actors {

GuardedSink::~GuardedSink() {
  if (!sink_) return;
  try {
    deliver(std::move(if_broken_));
  } catch (const std::exception& e) {
    log(LogLevel::error, "session", "the sink threw on its last event", {{"reason", e.what()}});
  }
}

void GuardedSink::deliver(messages::Event event) {
  if (!sink_) return;
  if (!messages::is_last(event)) return sink_(std::move(event));
  const auto sink = std::exchange(sink_, nullptr);  // ended, even when it throws
  sink(std::move(event));
}

SessionState::Outcome SessionState::fail_with(Error error) {
  Outcome out;
  if (at_ == At::ended) return out;
  out.cancel_work = at_ == At::thinking;
  out.deliver.emplace_back(std::move(error));
  out.end = true;
  at_ = At::ended;
  return out;
}

SessionState::Outcome SessionState::on_planned(Expected<std::shared_ptr<const Plan>> plan) {
  if (at_ != At::planning) return {};
  if (!plan) return fail_with(std::move(plan.error()));
  if ((*plan)->stages.empty()) return fail_with(Error{Errc::internal, "the plan has no stage", {}, {}});
  Outcome out;
  out.submit = (*plan)->stages.back();
  service_id_ = out.submit->service_id;
  at_ = At::thinking;
  return out;
}

SessionState::Outcome SessionState::on_event(messages::Event event) {
  if (at_ != At::thinking) return {};
  Outcome out;
  out.end = messages::is_last(event);
  if (out.end) at_ = At::ended;
  out.deliver.push_back(std::move(event));
  return out;
}

SessionState::Outcome SessionState::on_grant(std::uint32_t events) {
  Outcome out;
  if (at_ == At::thinking) out.grant = events;
  return out;
}

SessionState::Outcome SessionState::on_cancel(Error why) { return fail_with(std::move(why)); }

SessionState::Outcome SessionState::on_deadline() {
  return fail_with(Error{Errc::deadline, "the request's time is over", {}, {}});
}

SessionState::Outcome SessionState::on_service_down(const std::string& reason) {
  return fail_with(Error{Errc::unavailable,
                         fmt::format("service '{}' failed and is being restarted: {}", service_id_, reason),
                         {},
                         std::chrono::seconds(1)});
}

Expected<SessionTable::Entry> SessionTable::admit(RequestId id) {
  const std::lock_guard lock(mutex_);
  if (closed_) return fail(Errc::draining, "the server is shutting down and takes no new work");
  if (sessions_.size() >= capacity_) {
    return tl::make_unexpected(Error{Errc::overloaded,
                                     fmt::format("{} requests are open, the limit: retry later", sessions_.size()),
                                     {},
                                     std::chrono::seconds(1)});
  }
  if (!sessions_.try_emplace(id).second) {
    return fail(Errc::invalid_argument, fmt::format("request id {} is in use", id.value), "id");
  }
  return Entry{*this, id};
}

void SessionTable::bind(RequestId id, Ref<SessionMessage> session) {
  const std::lock_guard lock(mutex_);
  if (const auto it = sessions_.find(id); it != sessions_.end()) it->second = std::move(session);
}

void SessionTable::send(RequestId id, SessionMessage message) {
  Ref<SessionMessage> to;
  {
    const std::lock_guard lock(mutex_);
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) return;
    to = it->second;
  }
  to.send(std::move(message), Urgency::high);
}

void SessionTable::send_all(const std::function<SessionMessage()>& make) {
  std::vector<Ref<SessionMessage>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, session] : sessions_) all.push_back(session);
  }
  for (const auto& session : all) session.send(make(), Urgency::high);
}

void SessionTable::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

std::size_t SessionTable::size() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

bool SessionTable::wait_empty(std::chrono::nanoseconds limit) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, limit, [this] { return sessions_.empty(); });
}

void SessionTable::remove(RequestId id) {
  Ref<SessionMessage> gone;  // released outside the lock
  const std::lock_guard lock(mutex_);
  if (const auto it = sessions_.find(id); it != sessions_.end()) {
    gone = std::move(it->second);
    sessions_.erase(it);
  }
  if (sessions_.empty()) empty_.notify_all();
}

}  // namespace zenith::actors
