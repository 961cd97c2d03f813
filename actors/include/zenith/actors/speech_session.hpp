// A session of speech: one Speak from its admission to its last event. Simpler than a generation's: speech that has
// begun cannot go on elsewhere, because the next service would say it a little differently.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "zenith/actors/session.hpp"

namespace zenith::actors {

/// Messages to effects. Plain. A service that is lost before its first audio is replaced, as long as another is there;
/// after that the client gets an error that names it.
class SpeechState {
 public:
  static constexpr std::uint32_t kAttempts = 4;

  explicit SpeechState(std::shared_ptr<const messages::Speak> request) : request_(std::move(request)) {}

  struct Work {
    Stage stage;
    std::shared_ptr<messages::Speak> request;
    std::uint32_t attempt = 1;
  };
  struct Outcome {
    std::optional<messages::Event> deliver;
    bool cancel_work = false;
    std::uint32_t grant = 0;
    std::optional<PlanLimits> plan;
    std::optional<Work> submit;
    bool end = false;
  };
  Outcome on_start();
  Outcome on_planned(Expected<std::shared_ptr<const Plan>> plan);
  Outcome on_event(messages::Event event, std::uint32_t attempt);
  Outcome on_grant(std::uint32_t events) const;
  Outcome on_stop(Error why);  ///< cancelled, draining, its time over
  Outcome on_service_down(const std::string& reason);
  const std::optional<Error>& lost() const noexcept { return lost_; }  ///< why the attempt before ended

 private:
  Outcome fail_with(Error error);
  Outcome on_loss(Error error);

  enum class At : std::uint8_t { planning, speaking, ended } at_ = At::planning;
  std::shared_ptr<const messages::Speak> request_;
  PlanLimits limits_;
  Stage stage_;
  std::optional<Error> lost_;
  std::uint32_t attempt_ = 0;
  bool begun_ = false;  ///< the client has audio
};

struct SpeechSetup {
  std::shared_ptr<const messages::Speak> request;
  SessionTable::Entry entry;
  std::shared_ptr<const SharedRef<RouterMessage>> router;
  GuardedSink sink;
};

std::unique_ptr<Behaviour> make_speech_session(SpeechSetup setup);

}  // namespace zenith::actors
