// The services of another process as one actor: what it is sent goes over a link, what comes back goes to sessions and
// promises.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/links/hub.hpp"

namespace zenith::links {

/// Told to whoever started a remote process.
struct RemoteState {
  enum class Is : std::uint8_t { up, suspect, unreachable };
  std::string key;  ///< as in RemoteSetup
  Is is = Is::up;
  Peer peer;           ///< with `up`
  std::string detail;  ///< why it is unreachable
};

struct RemoteSetup {
  std::string key;  ///< the starter's name for it
  std::string endpoint, server_key;
  Hub* hub = nullptr;
  const Clock* clock = nullptr;
  actors::Ref<RemoteState> starter;
  std::function<bool()> leaving;  ///< as in FollowerSetup
};

/// Understands actors::ServiceMessage; `Submit::request->model` must be the model's own name. Dials at its start. Ends
/// when its link does, so that watchers see the same as with a local service that died: as a failure, unless the peer
/// said goodbye or this process is leaving; everything that was open gets its error then. Until its link is up
/// everything is refused as unavailable.
std::unique_ptr<actors::Behaviour> make_remote_process(RemoteSetup setup);

}  // namespace zenith::links
