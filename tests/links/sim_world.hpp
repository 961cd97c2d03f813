// A gateway, a directory and text services in processes of their own, on a simulated network, with faults by seed.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "sim_net.hpp"
#include "zenith/actors/directory.hpp"
#include "zenith/actors/router.hpp"
#include "zenith/actors/session.hpp"
#include "zenith/actors/shared_ref.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/links/directory_link.hpp"
#include "zenith/links/follower.hpp"
#include "zenith/links/service_door.hpp"

namespace zenith::links::sim {

/// A text service that says "<prompt>:0 <prompt>:1 …", one word a millisecond of virtual time.
struct SimText;

class World {
 public:
  World(std::uint64_t seed, int texts);
  ~World();

  struct Client {
    std::string prompt, got;
    std::uint32_t words = 0;
    int last_events = 0, after_last = 0;
    std::optional<Error> error;
    bool cancelled = false;
    std::string expected() const;
  };
  Client& ask(std::uint32_t words, Duration deadline);
  void cancel(std::size_t client);

  void kill_text(int index);
  void start_text(int index);
  void kill_directory();
  void start_directory();
  void hang_text(int index, Duration time);
  void cut_text(int index, Duration time);

  bool all_ended() const;
  std::size_t open_work() const;  ///< streams that text services still have
  int serving() const;            ///< the first text service that has streams; -1: none
  bool text_ready() const;        ///< the gateway sees every text service as ready

  SimNet net;
  std::deque<Client> clients;

 private:
  struct Process;
  std::string text_id(int index) const { return "text-" + std::to_string(index); }
  void end(std::unique_ptr<Process>& process);

  FakeEffects effects_;
  actors::System system_;
  actors::SessionTable sessions_{64}, remote_sessions_{256};
  std::uint64_t epochs_ = 0;
  std::vector<std::unique_ptr<Process>> texts_;
  std::unique_ptr<Process> directory_process_, gateway_;
  std::vector<std::unique_ptr<Process>> dead_;
  std::shared_ptr<actors::Board> board_;
  std::shared_ptr<actors::SharedRef<actors::DirectoryMessage>> directory_;
  std::shared_ptr<actors::SharedRef<actors::RouterMessage>> router_;
};

}  // namespace zenith::links::sim
