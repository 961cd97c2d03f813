// The router: which services a request passes through, or at once a typed error that says why it cannot be served.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/directory.hpp"
#include "zenith/actors/protocol.hpp"

namespace zenith::actors {

/// Plain; one thread.
class RouterState {
 public:
  /// An empty model means the first one of the right kind. Several services with the model take turns, those that
  /// are not suspect before the others: those that have
  /// not failed this request first, then those that have been restarted since, never an actor that has failed it.
  /// @returns draining, when all who have the model shut down; not_found listing the known models; invalid_argument
  /// (param "model") for a model of the wrong kind; loading with the service's detail; unavailable naming the service
  /// and its last error, or the last one that failed this request when no other is left.
  /// @param before what has to be possible first (a picture in a chat has to be read): its stages come first. A plan
  /// whose stages cannot all be done is refused with the reason of the first that cannot: unsupported when nothing here
  /// is configured for it.
  Expected<Plan> plan(Task task, const std::string& model, const DirectoryView& view, const PlanLimits& limits = {},
                      const std::vector<Need>& before = {});
  /// The service for which the last plan failed, when that one starts on demand and has not failed; else empty.
  const std::string& waits_for() const noexcept { return waits_for_; }

 private:
  Expected<Plan> plan_one(Task task, const std::string& model, const DirectoryView& view, const PlanLimits& limits);
  std::size_t turn_ = 0;
  std::string waits_for_;
};

/// How long a plan waits for a service to start, and how many wait at once: others get Errc::loading.
inline constexpr Duration kStartLimit = std::chrono::seconds(120);
inline constexpr std::size_t kWaitingPlans = 256;

/// @param wake starts a service that is asleep; called with its id, again while it sleeps; must return at once.
std::unique_ptr<Behaviour> make_router(
    std::shared_ptr<const Board> board, std::function<void(const std::string&)> wake = [](const std::string&) {});

}  // namespace zenith::actors
