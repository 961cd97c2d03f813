// A call (embed, tokenize …) that is asked of another replica when the one that had it is lost, or is slow. All of them
// may be computed twice.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "hedging.hpp"
#include "zenith/actors/hops.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/actors/shared_ref.hpp"
#include "zenith/actors/system.hpp"

namespace zenith::services {

inline constexpr std::size_t kCallAttempts = 4;
/// A file that ended one process could end the next: such a call is not taken to it, nor asked twice when slow.
template <class Request>
inline constexpr bool kAskedOnce = std::is_same_v<Request, messages::Transcribe>;

/// Keeps `answer` exactly once. Held by the promises of its open attempts; any thread.
template <class Request, class Answer>
class RetryingCall : public std::enable_shared_from_this<RetryingCall<Request, Answer>> {
 public:
  RetryingCall(actors::Task task, Request request, actors::Promise<Answer> answer,
               std::shared_ptr<const actors::SharedRef<actors::RouterMessage>> router, actors::System& system,
               std::shared_ptr<Hedging> hedging)
      : task_(task),
        request_(std::move(request)),
        answer_(std::move(answer)),
        router_(std::move(router)),
        system_(system),
        hedging_(std::move(hedging)) {}

  void start() {
    begun_ = system_.clock().now();
    if (const auto wait = kAskedOnce<Request> ? std::nullopt : hedging_->begin()) {
      system_.at(begun_ + *wait, [weak = std::weak_ptr<RetryingCall>(this->shared_from_this())] {
        if (const auto me = weak.lock()) me->ask_beside();
      });
    }
    ask();
  }

  /// Ends the call wherever it is; does not keep it alive. For deadlines and cancels.
  static std::function<void(Error)> ender(const std::shared_ptr<RetryingCall>& call) {
    return [weak = std::weak_ptr<RetryingCall>(call)](Error why) {
      const auto me = weak.lock();
      if (!me) return;
      me->answer_.break_with(why);
      me->end_attempts(why);
    };
  }

 private:
  /// Their services need not work on it any more.
  void end_attempts(const Error& why) {
    std::vector<std::function<void(Error)>> open;
    {
      const std::lock_guard lock(mutex_);
      open = end_attempts_;
    }
    for (const auto& end : open) end(why);
  }

  enum class How : std::uint8_t { first, beside /* an attempt that is open and slow */ };

  void ask(How how = How::first) {
    actors::PlanLimits limits;
    {
      const std::lock_guard lock(mutex_);
      limits = limits_;
      if (how == How::beside) limits.avoid.push_back(current_);
    }
    const auto me = this->shared_from_this();
    router_->send(actors::PlanRequest{
        task_,
        request_.model,
        {[me, how](Expected<std::shared_ptr<const actors::Plan>> plan) { me->on_plan(std::move(plan), how); },
         Error{Errc::unavailable, "the router failed and is being restarted: retry", {}, std::chrono::seconds(1)}},
        std::move(limits)});
  }

  void ask_beside() {
    {
      const std::lock_guard lock(mutex_);
      if (answer_.kept() || open_ != 1) return;
    }
    if (hedging_->take()) ask(How::beside);
  }

  void on_plan(Expected<std::shared_ptr<const actors::Plan>> plan, How how) {
    if (answer_.kept() || (!plan && how == How::beside)) return;
    if (!plan) {
      answer_.break_with(lost_ ? std::move(*lost_) : std::move(plan.error()));
      return;
    }
    const actors::Stage& stage = (*plan)->stages.front();
    Request request = request_;
    request.model = (*plan)->model.name;  // another process need not know our aliases
    const auto hop = std::make_shared<actors::OpenHop>();
    hop->begin(request.header, stage, ++attempts_, system_.clock().now());
    const actors::Promise<Answer> attempt{
        [me = this->shared_from_this(), stage, hop](Expected<Answer> answer) {
          me->write_down(answer, *hop);
          me->on_answer(std::move(answer), stage);
        },
        Error{Errc::unavailable, "the service failed and is being restarted: retry", {}, std::chrono::seconds(1)}};
    {
      const std::lock_guard lock(mutex_);
      end_attempts_.push_back(attempt.breaker());
      current_ = {stage.service_id, stage.service.address().id()};
      ++open_;
    }
    if (answer_.kept()) return;  // meanwhile, and its ender did not see this attempt
    stage.service.send(actors::Call<Request, Answer>{std::move(request), attempt});
  }

  void write_down(const Expected<Answer>& answer, actors::OpenHop& hop) const {
    const Instant now = system_.clock().now();
    if (!answer) return hop.fail(answer.error(), now);
    if constexpr (std::is_same_v<Answer, messages::Embeddings>) {
      hop.end(messages::Usage{answer->prompt_tokens, 0, 0, 0}, answer->spent, now);
    } else {
      hop.end(answer->spent, now);
    }
  }

  void on_answer(Expected<Answer> answer, const actors::Stage& stage) {
    if (answer_.kept()) return;
    const auto lost = [](Errc c) { return c == Errc::unavailable || c == Errc::draining || c == Errc::loading; };
    if (answer || !lost(answer.error().code)) {
      const bool good = answer.has_value();
      if (!answer_.keep(std::move(answer))) return;
      if (good) hedging_->took(system_.clock().now() - begun_);
      end_attempts({Errc::cancelled, "another attempt answered first", {}, {}});
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      lost_ = std::move(answer.error());
      lost_->message = fmt::format("service '{}': {}", stage.service_id, lost_->message);
      lost_->retry_after = std::max(lost_->retry_after, std::chrono::milliseconds(1000));
      limits_.avoid.push_back({stage.service_id, stage.service.address().id()});
      if (--open_ > 0) return;  // the other attempt may still answer
    }
    const bool begun = lost_->code == Errc::unavailable;
    if (limits_.avoid.size() < kCallAttempts && !(kAskedOnce<Request> && begun)) return ask();
    answer_.break_with(std::move(*lost_));
  }

  actors::Task task_;
  Request request_;
  actors::Promise<Answer> answer_;
  std::shared_ptr<const actors::SharedRef<actors::RouterMessage>> router_;
  actors::System& system_;
  std::shared_ptr<Hedging> hedging_;
  Instant begun_{};
  std::atomic<std::uint32_t> attempts_{0};
  std::mutex mutex_;
  actors::PlanLimits limits_;
  std::optional<Error> lost_;
  actors::Avoid current_;
  std::size_t open_ = 0;
  std::vector<std::function<void(Error)>> end_attempts_;
};

}  // namespace zenith::services
