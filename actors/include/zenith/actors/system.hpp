// The actor system: a thin shim over CAF 0.17 core (docs/adr/0001). No CAF header is needed to write or to use an
// actor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/address.hpp"
#include "zenith/actors/timers.hpp"
#include "zenith/core/clock.hpp"

namespace zenith::actors {

struct SystemOptions {
  int workers = 2;  ///< threads that run actors
  bool deterministic =
      false;  ///< tests: no threads; settle() runs everything on the caller, alarms follow the given clock
};

/// Owns scheduler, alarms and the list of live actors. Any thread, unless said otherwise.
class System {
 public:
  System(const Clock& clock, SystemOptions options);
  ~System();  ///< stop()
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  /// @param name for logs and error texts. After stop() the behaviour is destroyed at once and an empty address comes
  /// back.
  Address spawn(std::string name, std::unique_ptr<Behaviour> behaviour);
  template <class M, class B>
  Ref<M> spawn_as(std::string name, std::unique_ptr<B> behaviour) {
    return Ref<M>{spawn(std::move(name), std::move(behaviour))};
  }

  void kill(const Address& actor);  ///< ends it as a failure, before any message that waits

  TimerId at(Instant when, std::function<void()> alarm);  ///< runs on the timer's thread: must not block
  void cancel_timer(TimerId id);

  std::size_t live() const;  ///< actors that have not ended
  const Clock& clock() const noexcept;

  /// Deterministic systems only: runs actors and due alarms until nothing is left to do. @returns handlers run.
  std::size_t settle();
  std::optional<Instant> next_alarm() const;  ///< when settle() would have more to do

  void stop();  ///< ends every actor and waits for it; idempotent; not from an actor

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace zenith::actors
