// A call (embed, tokenize …) that is asked of another replica when the one that had it is lost. All of them may be
// computed twice.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "zenith/actors/protocol.hpp"
#include "zenith/actors/shared_ref.hpp"

namespace zenith::services {

inline constexpr std::size_t kCallAttempts = 4;

/// Keeps `answer` exactly once. Held by the promises of its open attempt; any thread, one attempt at a time.
template <class Request, class Answer>
class RetryingCall : public std::enable_shared_from_this<RetryingCall<Request, Answer>> {
 public:
  RetryingCall(actors::Task task, Request request, actors::Promise<Answer> answer,
               std::shared_ptr<const actors::SharedRef<actors::RouterMessage>> router)
      : task_(task), request_(std::move(request)), answer_(std::move(answer)), router_(std::move(router)) {}

  void ask() {
    const auto me = this->shared_from_this();
    router_->send(actors::PlanRequest{
        task_,
        request_.model,
        {[me](Expected<std::shared_ptr<const actors::Plan>> plan) { me->on_plan(std::move(plan)); },
         Error{Errc::unavailable, "the router failed and is being restarted: retry", {}, std::chrono::seconds(1)}},
        limits_});
  }

  /// Ends the call wherever it is; does not keep it alive. For deadlines and cancels.
  static std::function<void(Error)> ender(const std::shared_ptr<RetryingCall>& call) {
    return [weak = std::weak_ptr<RetryingCall>(call)](Error why) {
      const auto me = weak.lock();
      if (!me) return;
      me->answer_.break_with(why);
      std::function<void(Error)> current;
      {
        const std::lock_guard lock(me->mutex_);
        current = me->end_attempt_;
      }
      if (current) current(std::move(why));  // its service need not work on it any more
    };
  }

 private:
  void on_plan(Expected<std::shared_ptr<const actors::Plan>> plan) {
    if (answer_.kept()) return;
    if (!plan) {
      answer_.break_with(lost_ ? std::move(*lost_) : std::move(plan.error()));
      return;
    }
    const actors::Stage& stage = (*plan)->stages.front();
    const actors::Promise<Answer> attempt{
        [me = this->shared_from_this(), stage](Expected<Answer> answer) { me->on_answer(std::move(answer), stage); },
        Error{Errc::unavailable, "the service failed and is being restarted: retry", {}, std::chrono::seconds(1)}};
    {
      const std::lock_guard lock(mutex_);
      end_attempt_ = attempt.breaker();
    }
    if (answer_.kept()) return;  // meanwhile, and its ender did not see this attempt
    stage.service.send(actors::Call<Request, Answer>{request_, attempt});
  }

  void on_answer(Expected<Answer> answer, const actors::Stage& stage) {
    if (answer_.kept()) return;
    const auto lost = [](Errc c) { return c == Errc::unavailable || c == Errc::draining || c == Errc::loading; };
    if (answer || !lost(answer.error().code)) {
      answer_.keep(std::move(answer));
      return;
    }
    lost_ = std::move(answer.error());
    lost_->message = fmt::format("service '{}': {}", stage.service_id, lost_->message);
    lost_->retry_after = std::max(lost_->retry_after, std::chrono::milliseconds(1000));
    limits_.avoid.push_back({stage.service_id, stage.service.address().id()});
    if (limits_.avoid.size() >= kCallAttempts) {
      answer_.break_with(std::move(*lost_));
      return;
    }
    ask();
  }

  actors::Task task_;
  Request request_;
  actors::Promise<Answer> answer_;
  std::shared_ptr<const actors::SharedRef<actors::RouterMessage>> router_;
  actors::PlanLimits limits_;
  std::optional<Error> lost_;
  std::mutex mutex_;
  std::function<void(Error)> end_attempt_;
};

}  // namespace zenith::services
