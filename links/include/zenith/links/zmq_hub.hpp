// The links of one process over ZeroMQ: one I/O thread that owns all sockets, HubCore's protocol, actors on the other
// side.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/links/hub.hpp"
#include "zenith/links/hub_core.hpp"
#include "zenith/wire/run_dir.hpp"
#include "zenith/wire/shared_memory.hpp"
#include "zenith/wire/sockets.hpp"

namespace zenith::links {

struct ZmqHubOptions {
  Identity me;
  LinkTiming timing;
  LinkLimits limits;
  wire::SocketOptions sockets;
  /// Tensors on links over sockets of this folder go through shared memory. Nothing: all travel as frames.
  std::optional<wire::RunDir> run_dir;
  wire::SharedMemoryOptions shared_memory;
};

/// Any thread. Destroying it says goodbye to every peer, waits at most the sockets' linger, and tells owners nothing.
class ZmqHub final : public Hub {
 public:
  /// @returns io (no descriptors, no thread), unsupported (keys, but a libzmq without CURVE).
  static Expected<std::unique_ptr<ZmqHub>> start(ZmqHubOptions options);
  ~ZmqHub() override;

  Expected<ListenerId> listen(const std::string& endpoint, actors::Ref<LinkMessage> owner) override;
  std::string bound(ListenerId listener) const override;
  Expected<DialId> dial(const std::string& endpoint, const std::string& server_key,
                        actors::Ref<LinkMessage> owner) override;
  void hang_up(DialId dial) override;
  void close(ListenerId listener) override;
  /// `lane` changes nothing here: nothing waits on this side, the I/O thread sends at once.
  Status send(LinkId link, wire::Message message, Lane lane = Lane::normal) override;
  void reset(LinkId link, Error why) override;

  /// Room for a tensor that will be sent; nothing: no shared memory, or no slot is free. Its use is up to the writer.
  std::optional<wire::SharedMemory::Room> allocate(std::size_t bytes);

  std::vector<LinkStatus> status() const;
  struct Counters {
    HubCounters protocol;
    wire::SocketCounters sockets;  ///< as of the last turn of the I/O thread
    wire::SharedMemoryCounters shared_memory;
  };
  Counters counters() const;

 private:
  struct Impl;
  explicit ZmqHub(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // an actor whose turn ends may outlive the hub
};

}  // namespace zenith::links
