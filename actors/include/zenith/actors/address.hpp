// Handles to actors. A Ref<M> accepts messages of type M only.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "zenith/actors/parcel.hpp"
#include "zenith/core/ids.hpp"

namespace caf {
class actor_control_block;
}

namespace zenith::actors {

using ActorId = Strong<struct ActorIdTag>;  ///< unique in one process's life; 0 = none

/// `high` overtakes everything `normal` that waits in the mailbox: cancel, ping, credit, drain.
enum class Urgency : std::uint8_t { normal, high };

/// A counted reference to an actor. Copies are cheap; any thread. Holding one keeps the actor's shell, not its state,
/// once it has ended.
class Address {
 public:
  Address() = default;
  explicit Address(caf::actor_control_block* adopted) noexcept : block_(adopted) {}
  Address(const Address& o) noexcept;
  Address(Address&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  Address& operator=(Address o) noexcept {
    std::swap(block_, o.block_);
    return *this;
  }
  ~Address();

  explicit operator bool() const noexcept { return block_ != nullptr; }
  ActorId id() const noexcept;

  /// Never blocks. A parcel for an actor that has ended is destroyed at once, which breaks the promises inside it.
  /// Mailboxes are unbounded: whoever sends on behalf of the outside holds credit or passed an admission check first.
  void post(std::unique_ptr<Parcel> parcel, Urgency urgency) const;

  caf::actor_control_block* native() const noexcept { return block_; }

 private:
  caf::actor_control_block* block_ = nullptr;
};

template <class M>
class Ref {
 public:
  Ref() = default;
  explicit Ref(Address address) noexcept : address_(std::move(address)) {}

  void send(M message, Urgency urgency = Urgency::normal) const {
    if (address_) address_.post(std::make_unique<Box<M>>(std::move(message)), urgency);
  }
  explicit operator bool() const noexcept { return static_cast<bool>(address_); }
  const Address& address() const noexcept { return address_; }

 private:
  Address address_;
};

}  // namespace zenith::actors
