// The two ends of the link between a process and the directory: announcements up, views down.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/promise.hpp"
#include "zenith/links/hub.hpp"
#include "zenith/links/registry.hpp"

namespace zenith::links {

/// What this process serves has changed. Sent to make_directory_door's or make_directory_client's actor.
struct LocalMembers {
  messages::Announcement announcement;
};
/// A service whose process was a child of this one, has ended and is not started again: Registry::withdraw. Sent to
/// make_directory_door's actor.
struct Withdrawn {
  std::string service_id;
};
/// What the directory says; to whoever follows it in this process.
struct ViewChanged {
  std::shared_ptr<const messages::View> view;
  bool reachable = true;  ///< false: the last view stays in force until the directory is back
  std::string detail;     ///< why it is not reachable
};

/// In the directory's process: keeps the Registry, listens from its start for services that announce themselves, and
/// gives everyone the view, at most every 20 ms. Understands LinkMessage, LocalMembers, Withdrawn.
struct DirectoryDoorSetup {
  Hub* hub = nullptr;
  RegistryOptions registry;
  std::string endpoint;                     ///< to listen on
  actors::Promise<std::string> listening;   ///< the endpoint as bound, or why it cannot be
  std::function<void(ViewChanged)> follow;  ///< in this process; may be empty; must return at once
};
std::unique_ptr<actors::Behaviour> make_directory_door(DirectoryDoorSetup setup);

/// In every other process: dials the directory, announces, follows. Understands LinkMessage, LocalMembers.
struct DirectoryClientSetup {
  Hub* hub = nullptr;
  std::string endpoint, server_key;
  std::function<void(ViewChanged)> follow;
};
std::unique_ptr<actors::Behaviour> make_directory_client(DirectoryClientSetup setup);

}  // namespace zenith::links
