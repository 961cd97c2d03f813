// What services tell the directory of another process, and what it tells everyone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "zenith/core/ids.hpp"
#include "zenith/messages/directory.hpp"

namespace zenith::messages {

/// How busy a service is; for people, and later for choosing among replicas.
struct Load {
  std::uint32_t queue = 0, running = 0, sequences = 0;  ///< requests; sequences: the most that run at once
  std::uint32_t pages_used = 0, pages = 0;              ///< of keys and values
  std::uint64_t tokens = 0;                             ///< generated since the service started

  friend bool operator==(const Load&, const Load&) = default;
};

/// One service of one process.
struct Member {
  ServiceStatus status;
  std::optional<ModelEntry> model;  ///< once it is loaded
  std::uint64_t epoch = 0;          ///< of its process
  std::string endpoint;             ///< where it is dialled
  std::string server_key;           ///< its CURVE public key in Z85; empty for ipc
  std::string numerics;             ///< equal texts compute equal bits
  Load load;
  bool contact = true;  ///< false: the directory has lost it; who still has a link to it may go on
};

/// Service → directory: all that this process serves, replacing what it said before.
struct Announcement {
  std::vector<Member> members;
};

/// Directory → all: who serves what.
struct View {
  std::uint64_t epoch = 0;    ///< of the directory's process
  std::uint64_t version = 0;  ///< grows within an epoch
  std::vector<Member> members;
  std::map<std::string, std::string> aliases;
  bool draining = false;
};

}  // namespace zenith::messages
