// Members as services announce them.
#pragma once

#include <string>

#include "zenith/messages/membership.hpp"

namespace zenith::links {

/// Ready to serve the model "m".
inline messages::Member member(const std::string& id, std::uint64_t epoch, std::uint64_t weights = 7,
                               const std::string& numerics = "avx2") {
  messages::Member made;
  made.status = {messages::Role::text, id, messages::Health::ready, "m", {}};
  made.model = messages::ModelEntry{};
  made.model->name = "m";
  made.model->generation = Generation{weights};
  made.epoch = epoch;
  made.endpoint = "fake://" + id;
  made.numerics = numerics;
  return made;
}

}  // namespace zenith::links
