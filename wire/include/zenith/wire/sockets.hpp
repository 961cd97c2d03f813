// The sockets of one process, run by one thread: ZeroMQ ROUTER listeners and DEALER diallers with every option said.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/core/error.hpp"
#include "zenith/core/tensor.hpp"
#include "zenith/wire/curve.hpp"
#include "zenith/wire/message.hpp"

namespace zenith::wire {

using Conn = std::uint64_t;  ///< a listener or dialler; never used again

struct SocketOptions {
  std::optional<KeyPair> keys;  ///< of this process; TCP needs them
  std::filesystem::path allow;  ///< folder of the clients' public keys that TCP listeners let in
  std::size_t ipc_frame_bytes = kMaxMessageBytes;
  std::size_t tcp_frame_bytes = std::size_t{64} << 20;  ///< also what a stranger may make us hold in its handshake
  /// What the frames of a message may take before its last one has come: then its peer is cut.
  std::size_t unfinished_bytes = kMaxMessageBytes + kMaxMessageBytes / 8;
  int high_water_mark = 16384;                        ///< messages queued for one peer, each way
  std::size_t unsent_bytes = std::size_t{256} << 20;  ///< of frames from 4 KiB that wait for one peer: no more are sent
  Duration handshake = std::chrono::seconds(3);
  Duration linger = std::chrono::milliseconds(100);
  Duration reconnect_first = std::chrono::milliseconds(10), reconnect_last = std::chrono::seconds(1);
  Duration tcp_heartbeat = std::chrono::seconds(1), tcp_silence = std::chrono::seconds(3);
};

struct SocketCounters {
  std::uint64_t messages_in = 0, messages_out = 0;
  std::uint64_t oversized = 0;          ///< messages with more frames than kMaxFrames: read to their end and dropped
  std::uint64_t endless = 0;            ///< peers that were cut: a message did not end
  std::uint64_t handshakes_failed = 0;  ///< of either side
  std::uint64_t clients_refused = 0;    ///< by the allow list
  std::uint64_t accepts_failed = 0;     ///< no file descriptor was left: turned away
};

/// What happens on the sockets; called from Sockets::run_once.
class SocketEvents {
 public:
  virtual ~SocketEvents() = default;
  virtual void on_connected(Conn dialler) = 0;  ///< the handshake is done: messages can be sent
  /// The connection ended (unavailable), or cannot be made: unauthorized for keys. Diallers go on by themselves; the
  /// same failure of the same dialler is told once until it connects.
  virtual void on_disconnected(Conn dialler, Error why) = 0;
  virtual void on_peer_gone(Conn listener, const std::string& route) = 0;
  /// @param route of the peer at a listener, empty at a dialler. @param frames at most kMaxFrames, or bad_frame.
  virtual void on_frames(Conn conn, const std::string& route, Expected<std::vector<Buffer>> frames) = 0;
};

class Sockets {
 public:
  /// @returns io (no descriptors left), unsupported (keys given, but a libzmq without CURVE).
  static Expected<std::unique_ptr<Sockets>> open(SocketOptions options);
  ~Sockets();  ///< waits at most `linger` for what is queued
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  // Any thread; none blocks.
  /// ipc://PATH (claimed, see run_dir.hpp) or tcp://HOST:PORT, port 0 for any.
  /// @returns io naming the endpoint, unavailable when another process has it, invalid_argument: a bad endpoint, or TCP
  /// without keys.
  Expected<Conn> listen(const std::string& endpoint);
  /// @param server_key Z85; needed for TCP, empty for ipc. Nobody needs to listen yet.
  Expected<Conn> dial(const std::string& endpoint, const std::string& server_key);
  void close(Conn conn);                       ///< an ipc path that was listened on stays ours until the Sockets end
  std::string bound(Conn listener) const;      ///< the endpoint with its real port; empty for an unknown one
  std::string endpoint(Conn conn) const;       ///< as dialled or bound; empty for an unknown one
  std::size_t largest_frame(Conn conn) const;  ///< that may be sent; 0 for an unknown one
  void wake();                                 ///< run_once returns soon

  // One thread at a time: several must hold one mutex around each call.
  /// All frames or none. Frames from 4 KiB are not copied: their owner is held until they are on the way.
  /// @returns unavailable (nobody there), overloaded (that peer's queue is full), payload_too_large.
  Status send(Conn conn, std::string_view route, std::span<const Buffer> frames);
  /// Waits for something to happen, at most until `until` (nothing: for ever), and tells `events` all of it.
  /// @param held that mutex, locked; open while it waits.
  void run_once(std::optional<Instant> until, SocketEvents& events, std::unique_lock<std::mutex>* held = nullptr);
  /// Whether messages wait to be read on `conn`. A send may have taken their signal: who sends without being the thread
  /// of run_once asks, and wakes it.
  bool has_messages(Conn conn);
  const SocketCounters& counters() const noexcept;

 private:
  struct Impl;
  explicit Sockets(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace zenith::wire
