// The directory: which services there are, how they are, which models they hold, which names mean them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"

namespace zenith::actors {

/// Immutable once published.
struct DirectoryView {
  struct Service {
    messages::ServiceStatus status;
    std::optional<messages::ModelEntry> model;
    Ref<ServiceMessage> ref;
  };
  std::vector<Service> services;  ///< in the order of their announcement
  std::map<std::string, std::string> aliases;
  /// Ids of services whose process starts with its first request. Until then they are ready, have a model, and no ref.
  std::set<std::string> on_demand;
  bool draining = false;

  /// It waits for its first request.
  bool asleep(const Service& service) const;
  /// The model's own name: `name` itself, or what it is an alias of (aliases of aliases are followed, a ring ends at
  /// itself).
  std::string resolve(std::string_view name) const;
};

/// What /readyz and /v1/models show. Overall: draining, else loading while a model has no ready service but one that
/// loads, else ready when at least one service with a model is ready (a failed one shows in its line), else failed.
/// Those that start on demand do not count.
messages::Snapshot snapshot_of(const DirectoryView& view);

/// Where the latest view hangs. Any thread; nobody waits for an actor to read it.
class Board {
 public:
  explicit Board(std::map<std::string, std::string> aliases);
  std::shared_ptr<const DirectoryView> view() const;
  void publish(DirectoryView view);
  /// Called after each publish, on its thread; must return at once. Set before others know the board.
  void on_publish(std::function<void()> hook) { hook_ = std::move(hook); }
  /// Blocks until a published view satisfies `enough`; not from an actor. @returns it did, within `limit`.
  bool wait(const std::function<bool(const DirectoryView&)>& enough, std::chrono::nanoseconds limit) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable published_;
  std::shared_ptr<const DirectoryView> view_;
  std::function<void()> hook_;
};

/// Messages to the next view. Plain.
class DirectoryState {
 public:
  explicit DirectoryState(DirectoryView start) : view_(std::move(start)) {}
  /// A known id is replaced; one that starts on demand keeps its model until the new one is known.
  void on(Announce announce);
  Status on(Report report);  ///< not_found for an unknown id
  void on(const Forget& forget);
  void on(StartDraining);
  const DirectoryView& view() const noexcept { return view_; }

 private:
  DirectoryView view_;
};

/// The actor: publishes a new view after every change. A restarted one goes on from the board.
std::unique_ptr<Behaviour> make_directory(std::shared_ptr<Board> board);

}  // namespace zenith::actors
