// What an actor is: a behaviour that gets messages one at a time, and the context it may act through.
#pragma once

#include <memory>
#include <string>

#include "zenith/actors/address.hpp"
#include "zenith/core/clock.hpp"
#include "zenith/core/error.hpp"

namespace zenith::actors {

/// A watched actor has ended.
struct Down {
  ActorId who;
  bool failed = false;  ///< it threw, or quit with an error
  std::string reason;   ///< for people; empty after a normal end
};

/// An actor's own door to the system; valid inside its handlers only.
class Context {
 public:
  virtual ~Context() = default;
  virtual Instant now() const noexcept = 0;
  virtual Address self() const = 0;
  virtual void watch(const Address& other) = 0;  ///< one Down comes when `other` ends, at once if it has already
  virtual void unwatch(const Address& other) = 0;
  /// Calls on_wake at `when` or soon after. One alarm an actor: a later call replaces the earlier one.
  virtual void wake_at(Instant when) = 0;
  virtual void quit() = 0;           ///< ends after this handler
  virtual void quit(Error why) = 0;  ///< the same, as a failure

  template <class M>
  Ref<M> ref() const {
    return Ref<M>{self()};
  }
};

/// The logic of an actor. Handlers run one at a time, never block and never compute for long. A handler that throws
/// ends the actor: its state is destroyed, and its watchers get a Down with the exception's text.
class Behaviour {
 public:
  virtual ~Behaviour() = default;
  virtual void on_start(Context&) {}
  virtual bool on_parcel(Parcel& parcel, Context& self) = 0;  ///< false: not a message of this actor
  virtual void on_down(const Down&, Context&) {}
  virtual void on_wake(Context&) {}
};

namespace detail {
template <class M>
class Handles {
 public:
  virtual ~Handles() = default;
  virtual void on(M message, Context& self) = 0;
};
}  // namespace detail

/// An actor that understands each of Ms: derive and implement `void on(M, Context&)` for each.
template <class... Ms>
class Actor : public Behaviour, public detail::Handles<Ms>... {
 public:
  using detail::Handles<Ms>::on...;
  bool on_parcel(Parcel& parcel, Context& self) final { return (try_one<Ms>(parcel, self) || ...); }

 private:
  template <class M>
  bool try_one(Parcel& parcel, Context& self) {
    M* message = open<M>(parcel);
    if (message == nullptr) return false;
    static_cast<detail::Handles<M>&>(*this).on(std::move(*message), self);
    return true;
  }
};

}  // namespace zenith::actors
