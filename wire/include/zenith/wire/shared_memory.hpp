// Tensors between processes of one host: the bytes lie in a file that both map, only their address travels.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "zenith/core/clock.hpp"
#include "zenith/core/error.hpp"
#include "zenith/core/tensor.hpp"
#include "zenith/wire/message.hpp"
#include "zenith/wire/run_dir.hpp"

namespace zenith::wire {

struct SharedMemoryOptions {
  std::size_t budget_bytes = std::size_t{256} << 20;  ///< of all segments that this process owns
  std::size_t at_least = std::size_t{16} << 10;       ///< smaller tensors travel in frames: that is faster (measured)
  Duration unclaimed = std::chrono::seconds(10);      ///< what nobody claims for so long is taken back
};

struct SharedMemoryCounters {
  std::uint64_t shared = 0;     ///< tensors that were sent this way
  std::uint64_t full = 0;       ///< tensors that went as frames, because no slot was free
  std::uint64_t refused = 0;    ///< addresses of others that were wrong, or came too late
  std::uint64_t reclaimed = 0;  ///< slots taken back from the dead, or never claimed
  std::uint64_t bytes = 0;      ///< of the segments owned now
};

/// Segments are files of the run folder, held by flock: the sweep removes those of the dead. A slot belongs to its
/// owner, is written, claimed by one reader (in the slot's own state word, with its generation), and given back when
/// the reader's last Buffer goes. A reader that dies loses its claim, found by its own lock file. A reader trusts
/// nothing in a segment but what the file's size allows; but who may write the run folder may also cut a file short,
/// which ends its readers with SIGBUS: the folder is closed to others for that reason.
/// Any thread. Buffers may outlive it.
class SharedMemory {
 public:
  static Expected<std::unique_ptr<SharedMemory>> open(const RunDir& run_dir, SharedMemoryOptions options = {});
  ~SharedMemory();

  /// Room to write a tensor in place: sent later, its bytes are not copied. Nothing: no slot is free.
  struct Room {
    std::span<std::byte> bytes;
    Buffer buffer;  ///< the same bytes; the slot is free again when the last copy goes and no reader has it
  };
  std::optional<Room> allocate(std::size_t bytes);

  /// For to_frames. Copies, unless the tensor lies in its own slot already. Nothing: too small, or no slot is free.
  std::optional<SharedRef> share(const Tensor& tensor);
  void take_back(const SharedRef& ref);  ///< the message was not sent

  /// For from_frames. Claims the slot. @returns bad_frame when the address does not hold.
  Expected<Buffer> attach(const SharedRef& ref);

  SharedMemoryCounters counters() const;
  const RunDir& run_dir() const noexcept;

 private:
  struct Impl;
  explicit SharedMemory(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace zenith::wire
