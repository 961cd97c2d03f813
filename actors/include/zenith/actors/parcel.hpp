// What travels in a mailbox: one typed value behind one pointer, so that the actor library sees a single message type.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace zenith::actors {

/// The address of a parcel type's tag is its identity.
using ParcelType = const void*;

class Parcel {
 public:
  explicit Parcel(ParcelType type) noexcept : type_(type) {}
  virtual ~Parcel() = default;
  Parcel(const Parcel&) = delete;
  Parcel& operator=(const Parcel&) = delete;
  ParcelType type() const noexcept { return type_; }

  /// The sender is done with it; the receiver (or whoever destroys it) begins. The mailbox orders the two already;
  /// these say so to sanitizers, which do not see into it.
  void hand_over() noexcept { handed_.store(true, std::memory_order_release); }
  void take_over() const noexcept { static_cast<void>(handed_.load(std::memory_order_acquire)); }

 private:
  ParcelType type_;
  std::atomic<bool> handed_{false};
};

template <class M>
class Box final : public Parcel {
 public:
  explicit Box(M message) : Parcel(tag()), message_(std::move(message)) {}
  M& message() noexcept { return message_; }
  static ParcelType tag() noexcept {
    static const char where = 0;
    return &where;
  }

 private:
  M message_;
};

/// The message, when the parcel holds an M.
template <class M>
M* open(Parcel& parcel) noexcept {
  return parcel.type() == Box<M>::tag() ? &static_cast<Box<M>&>(parcel).message() : nullptr;
}

}  // namespace zenith::actors
