// Makes the services that a view lists usable in this process: a remote process actor for each endpoint, and lines in
// the local directory that say how they are.
#pragma once

#include <functional>
#include <memory>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/actors/shared_ref.hpp"
#include "zenith/actors/system.hpp"
#include "zenith/links/directory_link.hpp"
#include "zenith/links/hub.hpp"
#include "zenith/links/remote_process.hpp"

namespace zenith::links {

struct FollowerSetup {
  Hub* hub = nullptr;
  actors::System* system = nullptr;
  std::uint64_t own_epoch = 0;  ///< members of this process are left alone
  std::shared_ptr<const actors::SharedRef<actors::DirectoryMessage>> directory;
  /// Whether this process is being ended: then those that it has started end, too, and that is no failure. May be
  /// empty.
  std::function<bool()> leaving;
};

/// Understands ViewChanged and RemoteState. What this process sees of a service itself counts more than what the
/// directory says: a service whose link is up stays usable when the directory has lost it, or is gone itself.
std::unique_ptr<actors::Behaviour> make_follower(FollowerSetup setup);

}  // namespace zenith::links
