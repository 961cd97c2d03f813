#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

SessionState::Outcome SessionState::on_start() {
  Outcome out;
  out.plan = limits_;
  return out;
}

SessionState::Outcome SessionState::on_planned(Expected<std::shared_ptr<const Plan>> plan) {
  if (at_ != At::planning) return {};
  if (!plan) return fail_with(lost_ ? std::move(*lost_) : std::move(plan.error()));
  if ((*plan)->stages.empty()) return fail_with(Error{Errc::internal, "the plan has no stage", {}, {}});
  return submit(**plan);
}

SessionState::Outcome SessionState::submit(const Plan& plan) {
  Outcome out;
  stage_ = plan.stages.back();
  if (!limits_.generation) limits_.generation = plan.model.generation;
  auto request = attempt_ == 0 ? request_ : transcript_.resumed();
  if (!plan.model.name.empty() && request->model != plan.model.name) {  // another process need not know our aliases
    auto named = std::make_shared<messages::Generate>(*request);
    named->model = plan.model.name;
    request = std::move(named);
  }
  out.submit = Work{stage_, std::move(request), attempt_ + 1};
  ++attempt_;
  started_ = false;
  grant_when_started_ = 0;
  progress_at_submit_ = transcript_.progress();
  at_ = At::thinking;
  return out;
}

SessionState::Outcome SessionState::on_suspect(std::uint32_t attempt, Instant now) {
  Outcome out;
  if (at_ != At::thinking || attempt != attempt_ || attempt_ >= kAttempts || probing_) return out;
  if (transcript_.complete()) return complete(Loss::differs, now);
  probing_ = true;
  out.probe = limits_;
  out.probe->avoid.push_back({stage_.service_id, stage_.service.address().id()});
  return out;
}

SessionState::Outcome SessionState::on_probed(Expected<std::shared_ptr<const Plan>> plan, std::uint32_t attempt) {
  probing_ = false;
  if (at_ != At::thinking || attempt != attempt_ || !plan || (*plan)->stages.empty()) return {};
  if (transcript_.complete() || (*plan)->stages.back().service.address().id() == stage_.service.address().id())
    return {};
  Outcome out = submit(**plan);
  out.cancel_work = true;
  return out;
}

bool SessionState::means_another(const Error& error) const noexcept {
  if (error.code == Errc::draining || error.code == Errc::unavailable) return true;
  if (started_) return false;
  return error.code == Errc::loading || (error.code == Errc::overloaded && attempt_ > 1);
}

bool SessionState::same_prompt(const messages::Event& event) const noexcept {
  const auto* started = std::get_if<messages::Started>(&event);
  return started == nullptr || !transcript_.prompt_tokens() || *transcript_.prompt_tokens() == started->prompt_tokens;
}

SessionState::Outcome SessionState::on_event(messages::Event event, std::uint32_t attempt, Instant now) {
  if (at_ != At::thinking || attempt != attempt_) return {};
  if (auto* error = std::get_if<Error>(&event); error != nullptr && means_another(*error)) {
    error->message = fmt::format("service '{}': {}", stage_.service_id, error->message);
    // Behind a link the death of an actor is an event: the process that had it lives.
    const Loss loss = error->code == Errc::unavailable ? Loss::died : Loss::refused;
    return on_loss(loss, std::move(*error), now);
  }
  if (!same_prompt(event)) {
    return on_loss(Loss::differs,
                   Error{Errc::unavailable,
                         fmt::format("service '{}' reads the prompt as {} tokens, the one that failed before read {}: "
                                     "their models differ",
                                     stage_.service_id, std::get<messages::Started>(event).prompt_tokens,
                                     *transcript_.prompt_tokens()),
                         {},
                         {}},
                   now);
  }
  if (!transcript_.fits(event)) {
    return on_loss(
        Loss::differs,
        Error{Errc::unavailable,
              fmt::format("service '{}' answers a choice that was not asked for, or has ended", stage_.service_id),
              {},
              {}},
        now);
  }
  Outcome out;
  const bool again = std::holds_alternative<messages::Started>(event) && transcript_.prompt_tokens();
  if (std::holds_alternative<messages::Started>(event)) {
    started_ = true;
    out.grant = std::exchange(grant_when_started_, 0);
  }
  if (again) return out;  // the client knows
  if (auto* finished = std::get_if<messages::Finished>(&event); finished != nullptr && attempt_ > 1) {
    transcript_.correct(finished->timings, now);
  }
  transcript_.delivered(event, now);
  out.end = messages::is_last(event);
  if (out.end) at_ = At::ended;
  out.deliver.push_back(std::move(event));
  return out;
}

// Only Finished is missing, and the session knows what it says.
SessionState::Outcome SessionState::complete(Loss loss, Instant now) {
  Outcome out;
  out.cancel_work = loss == Loss::differs;
  out.deliver.emplace_back(transcript_.finished(now));
  out.end = true;
  at_ = At::ended;
  return out;
}

SessionState::Outcome SessionState::on_loss(Loss loss, Error error, Instant now) {
  if (transcript_.complete()) return complete(loss, now);
  Outcome out;
  out.cancel_work = loss == Loss::differs;
  error.retry_after = std::max(error.retry_after, std::chrono::milliseconds(1000));
  if (transcript_.progress() != progress_at_submit_) fruitless_ = 0;
  if (loss == Loss::died) ++fruitless_;
  at_ = At::planning;
  if (fruitless_ >= kFruitless || attempt_ >= kAttempts) {
    error.message += fmt::format("; it was the last of {} attempts", attempt_);
    auto last = fail_with(std::move(error));
    last.cancel_work = loss == Loss::differs;
    return last;
  }
  lost_ = std::move(error);
  // An older actor of the same service is gone: the list is as long as there are services.
  std::erase_if(limits_.avoid, [&](const Avoid& a) { return a.service_id == stage_.service_id; });
  limits_.avoid.push_back({stage_.service_id, stage_.service.address().id()});
  if (!transcript_.begun()) limits_.generation.reset();  // whoever serves it now may be another version
  out.plan = limits_;
  return out;
}

SessionState::Outcome SessionState::on_grant(std::uint32_t events) {
  Outcome out;
  transcript_.granted(events);
  if (at_ != At::thinking) return out;
  if (started_) {
    out.grant = events;
  } else {
    const std::uint32_t window = std::max(request_->credit_events, 1u);
    grant_when_started_ += std::min(events, window - grant_when_started_);
  }
  return out;
}

SessionState::Outcome SessionState::on_cancel(Error why) { return fail_with(std::move(why)); }

SessionState::Outcome SessionState::on_deadline() {
  return fail_with(Error{Errc::deadline, "the request's time is over", {}, {}});
}

SessionState::Outcome SessionState::on_service_down(const std::string& reason, Instant now) {
  if (at_ != At::thinking) return {};
  return on_loss(Loss::died,
                 Error{Errc::unavailable,
                       fmt::format("service '{}' failed and is being restarted: {}", stage_.service_id, reason),
                       {},
                       std::chrono::seconds(1)},
                 now);
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
