// The whole system as this process sees it: services, how busy they are, links. What /v1/system and `zenith top` show.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "zenith/messages/membership.hpp"

namespace zenith::messages {

struct ServiceLine {
  ServiceStatus status;
  Load load;
  std::string endpoint, numerics;  ///< empty: in this process
  Generation generation;           ///< 0: not loaded yet
};

struct LinkLine {
  std::string peer, endpoint;
  bool dialled = false;                               ///< from here; else the peer dialled us
  bool suspect = false;                               ///< a request is open and it has been silent for a while
  std::uint64_t open_requests = 0;                    ///< without an end
  std::uint64_t sent = 0, received = 0;               ///< messages
  std::uint32_t credit_requests = 0, credit_kib = 0;  ///< left, of a dialled link
  std::chrono::microseconds round_trip{0};            ///< of the last ping; 0: none yet
};

struct SystemStatus {
  Health overall = Health::loading;
  std::vector<ServiceLine> services;
  std::vector<LinkLine> links;
};

}  // namespace zenith::messages
