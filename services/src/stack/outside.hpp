// The actors that join a stack to the services of other processes.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "zenith/actors/directory.hpp"
#include "zenith/actors/session.hpp"
#include "zenith/actors/shared_ref.hpp"
#include "zenith/actors/supervisor.hpp"
#include "zenith/actors/system.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/links/directory_link.hpp"
#include "zenith/links/follower.hpp"
#include "zenith/services/placement.hpp"

namespace zenith::services {

struct OutsideParts {
  Placement placement;
  std::map<std::string, std::string> aliases;
  std::vector<std::string> local_ids;                         ///< of the services in this process
  std::map<std::string, std::string> numerics;                ///< of each of them
  std::function<messages::Load(const std::string& id)> load;  ///< of one of them
  actors::System* system = nullptr;
  Effects* effects = nullptr;
  actors::SessionTable* sessions = nullptr;  ///< of requests from other processes
  std::shared_ptr<actors::Board> board;
  std::shared_ptr<const actors::SharedRef<actors::DirectoryMessage>> directory;
  std::function<void(actors::ChildSpec)> supervise;
};

/// Any thread.
class Outside {
 public:
  explicit Outside(OutsideParts parts) : parts_(std::move(parts)) {}
  /// Starts the doors and dials. Blocks until this process listens where it should; not from an actor.
  /// @returns why it cannot.
  Status start();
  void work_began();  ///< some service of this process is not idle any more: its load is announced while it works
  /// Members of other processes, as the directory said last.
  std::shared_ptr<const messages::View> view();
  /// The process of this service, a child of this one, has ended for good. Known to the directory if it is here.
  void withdraw(const std::string& service_id);
  void board_changed();  ///< announces this process's services when something about them is new

 private:
  enum class Say : std::uint8_t { news, anyway };
  void announce(Say say);
  void tick();
  Status start_door();
  Status start_directory();
  void start_follower();
  void supervise(std::string name, std::function<std::unique_ptr<actors::Behaviour>()> make,
                 std::function<void(const actors::Address&)> started);
  Expected<actors::Ref<actors::ServiceMessage>> find(const std::string& model) const;
  std::vector<actors::Ref<actors::ServiceMessage>> all() const;
  bool is_local(const std::string& id) const;
  void follow(links::ViewChanged change);

  OutsideParts parts_;
  std::string endpoint_;  // of the service door, as bound
  std::shared_ptr<actors::SharedRef<links::LocalMembers>> announcer_ =
      std::make_shared<actors::SharedRef<links::LocalMembers>>();
  std::shared_ptr<actors::SharedRef<links::ViewChanged>> follower_ =
      std::make_shared<actors::SharedRef<links::ViewChanged>>();
  std::atomic<bool> ticking_{false};
  std::mutex announcing_;  // before those of board, loads and announcer
  std::string said_;       // what was announced last
  std::mutex mutex_;
  std::shared_ptr<const messages::View> view_;
};

}  // namespace zenith::services
