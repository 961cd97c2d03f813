// A session: one generation from its admission to its last event, of which there is exactly one.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/actors/shared_ref.hpp"
#include "zenith/actors/transcript.hpp"
#include "zenith/core/metrics.hpp"

namespace zenith::actors {

/// Delivers events up to the last one and nothing after; when it goes without a last one, that is `if_broken`.
class GuardedSink {
 public:
  using Sink = std::function<void(messages::Event)>;
  GuardedSink(Sink sink, Error if_broken) : sink_(std::move(sink)), if_broken_(std::move(if_broken)) {}
  GuardedSink(GuardedSink&& o) noexcept : sink_(std::exchange(o.sink_, nullptr)), if_broken_(std::move(o.if_broken_)) {}
  GuardedSink& operator=(GuardedSink&&) = delete;
  ~GuardedSink();
  void deliver(messages::Event event);
  bool ended() const noexcept { return !sink_; }

 private:
  Sink sink_;
  Error if_broken_;
};

/// Messages to effects. Plain; no clock of its own.
///
/// A service is lost when its actor ends, or when it answers that another one has to serve: draining at any time;
/// loading, unavailable or (after the first attempt) overloaded before Started. The session then plans again and
/// submits the next attempt with what the client has, so that the client sees one stream. It gives up with the last
/// service's error when nobody else is left, after kFruitless services in a row have died without anything new for
/// the client (a request that kills whoever serves it must not kill them all), and after kAttempts.
class SessionState {
 public:
  static constexpr std::uint32_t kFruitless = 4, kAttempts = 1000;

  explicit SessionState(std::shared_ptr<const messages::Generate> request)
      : request_(std::move(request)), transcript_(request_) {}

  struct Work {
    Stage stage;
    std::shared_ptr<const messages::Generate> request;
    std::uint32_t attempt = 1;
  };
  struct Outcome {
    std::vector<messages::Event> deliver;  ///< to the client, in order
    bool cancel_work = false;              ///< tell the service of before to stop
    std::uint32_t grant = 0;               ///< pass on to the service
    std::optional<PlanLimits> probe;  ///< ask the router whether another could go on; the service goes on meanwhile
    std::optional<PlanLimits> plan;   ///< ask the router; the service of before is not to be listened to
    std::optional<Work> submit;       ///< to this service
    bool end = false;                 ///< the last event was among `deliver`
  };
  Outcome on_start();
  Outcome on_planned(Expected<std::shared_ptr<const Plan>> plan);
  /// The answer to a probe: who can go on takes over, nobody changes nothing.
  Outcome on_probed(Expected<std::shared_ptr<const Plan>> plan, std::uint32_t attempt);
  Outcome on_suspect(std::uint32_t attempt, Instant now);
  Outcome on_event(messages::Event event, std::uint32_t attempt, Instant now);
  Outcome on_grant(std::uint32_t events);
  Outcome on_cancel(Error why);
  Outcome on_deadline();
  /// @param reason what its Down says.
  Outcome on_service_down(const std::string& reason, Instant now);
  const std::optional<Error>& lost() const noexcept { return lost_; }  ///< why the attempt before ended

 private:
  Outcome fail_with(Error error);
  Outcome submit(const Plan& plan);
  enum class Loss : std::uint8_t { died, refused, differs /* and goes on working */ };
  Outcome on_loss(Loss loss, Error error, Instant now);
  Outcome complete(Loss loss, Instant now);
  bool means_another(const Error& error) const noexcept;
  bool same_prompt(const messages::Event& event) const noexcept;

  enum class At : std::uint8_t { planning, thinking, ended } at_ = At::planning;
  std::shared_ptr<const messages::Generate> request_;
  Transcript transcript_;
  PlanLimits limits_;
  Stage stage_;
  std::optional<Error> lost_;  ///< why the last attempt ended
  std::uint32_t attempt_ = 0, fruitless_ = 0;
  std::uint64_t progress_at_submit_ = 0;
  bool probing_ = false;
  bool started_ = false;                  ///< the current attempt
  std::uint32_t grant_when_started_ = 0;  ///< a grant overtakes a Submit, so it waits for its answer
};

/// The live sessions: bounds their number and finds them by request id. Any thread. Must outlive its entries.
class SessionTable {
 public:
  explicit SessionTable(std::size_t capacity) : capacity_(capacity) {}

  /// A place in the table while this lives.
  class Entry {
   public:
    Entry(SessionTable& table, RequestId id) noexcept : table_(&table), id_(id) {}
    Entry(Entry&& o) noexcept : table_(std::exchange(o.table_, nullptr)), id_(o.id_) {}
    Entry& operator=(Entry&&) = delete;
    ~Entry() {
      if (table_ != nullptr) table_->remove(id_);
    }

   private:
    SessionTable* table_;
    RequestId id_;
  };

  /// @returns overloaded when the table is full, draining after close(), invalid_argument for an id that is in use.
  Expected<Entry> admit(RequestId id);
  void bind(RequestId id, Ref<SessionMessage> session);  ///< nothing, when it has ended already
  void send(RequestId id, SessionMessage message);       ///< at high urgency; nothing, when it has ended
  void send_all(const std::function<SessionMessage()>& make);
  void close();
  std::size_t size() const;
  bool wait_empty(std::chrono::nanoseconds limit);  ///< not from an actor. @returns empty in time

 private:
  void remove(RequestId id);
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  std::unordered_map<RequestId, Ref<SessionMessage>> sessions_;
  std::size_t capacity_;
  bool closed_ = false;
};

struct SessionSetup {
  std::shared_ptr<const messages::Generate> request;
  SessionTable::Entry entry;
  std::shared_ptr<const SharedRef<RouterMessage>> router;
  GuardedSink sink;
};

std::unique_ptr<Behaviour> make_session(SessionSetup setup);

}  // namespace zenith::actors
