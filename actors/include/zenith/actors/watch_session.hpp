// A session of a sensor's frames: one Watch from its admission to its last event. It outlives the sensor's process:
// when that one is lost, it waits for the next and goes on from the number that its client has not had yet.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "zenith/actors/session.hpp"

namespace zenith::actors {

/// Messages to effects. Plain.
class WatchState {
 public:
  /// Between attempts; and how long a sensor may be away before its client is told.
  static constexpr Duration kPause = std::chrono::milliseconds(100), kPatience = std::chrono::seconds(60);

  explicit WatchState(std::shared_ptr<const messages::Watch> request)
      : request_(std::move(request)), from_(request_->from), credit_(request_->credit_events) {}

  struct Work {
    Stage stage;
    std::shared_ptr<const messages::Watch> request;
    std::uint32_t attempt = 1;
  };
  struct Outcome {
    std::optional<messages::Event> deliver;
    bool cancel_work = false;
    std::uint32_t grant = 0;
    bool plan = false;                ///< ask the router
    std::optional<Instant> again_at;  ///< wait, then on_again
    std::optional<Work> submit;
    bool end = false;
  };
  Outcome on_start();
  Outcome on_planned(Expected<std::shared_ptr<const Plan>> plan, Instant now);
  Outcome on_event(messages::Event event, std::uint32_t attempt, Instant now);
  Outcome on_grant(std::uint32_t events);
  Outcome on_stop(Error why);  ///< cancelled, draining
  Outcome on_deadline();       ///< an end like any other: who wants more asks again from the next number
  Outcome on_service_down(const std::string& reason, Instant now);
  Outcome on_again();

 private:
  Outcome finish_with(messages::Event last);
  Outcome on_loss(Error error, Instant now);

  enum class At : std::uint8_t { planning, watching, waiting, ended } at_ = At::planning;
  std::shared_ptr<const messages::Watch> request_;
  std::optional<std::uint64_t> from_;  ///< what the client has not had yet
  std::uint64_t credit_ = 0;           ///< what the client can take
  Stage stage_;
  std::optional<Instant> lost_at_;
  std::uint32_t attempt_ = 0;
  bool begun_ = false;  ///< some service took the request
};

struct WatchSetup {
  std::shared_ptr<const messages::Watch> request;
  SessionTable::Entry entry;
  std::shared_ptr<const SharedRef<RouterMessage>> router;
  GuardedSink sink;
};

std::unique_ptr<Behaviour> make_watch_session(WatchSetup setup);

}  // namespace zenith::actors
