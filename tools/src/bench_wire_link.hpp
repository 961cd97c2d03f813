// The two ends of `zenith bench wire`: an actor behind a hub, and a bare link without actors.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "zenith/actors/actor.hpp"
#include "zenith/links/hub_core.hpp"
#include "zenith/links/zmq_hub.hpp"

namespace zenith::tools {

/// µs between two instants.
double micros(Instant from, Instant to);

wire::Message bench_request(std::uint64_t id, Buffer payload);

/// One series of requests of the client actor.
struct Series {
  std::size_t count = 0, window = 1;
  Buffer payload;
};

/// What the client actor tells the thread that measures.
class SeriesResult {
 public:
  void set_up();
  void finish(std::vector<double> times);
  void fail(std::string why);
  Status wait_until_up();
  Expected<std::vector<double>> take();  ///< of one series; io after 30 s

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool up_ = false, done_ = false;
  std::string failure_;
  std::vector<double> times_;
};

std::unique_ptr<actors::Behaviour> make_wire_client(links::Hub& hub, std::shared_ptr<SeriesResult> result);
std::unique_ptr<actors::Behaviour> make_wire_echo(links::Hub& hub);

/// Sockets, protocol and shared memory as the I/O thread runs them, on the calling thread.
class BareLink final : public wire::SocketEvents {
 public:
  static Expected<std::unique_ptr<BareLink>> open(const wire::RunDir& run_dir, std::uint64_t epoch);
  Status listen(const std::string& endpoint);
  Status dial_and_wait(const std::string& endpoint);
  void echo_for_ever();
  Expected<std::vector<double>> run(const Series& series);

  void on_connected(wire::Conn dialler) override { core_.on_connected(dialler); }
  void on_disconnected(wire::Conn dialler, Error why) override { core_.on_disconnected(dialler, why); }
  void on_peer_gone(wire::Conn listener, const std::string& route) override;
  void on_frames(wire::Conn conn, const std::string& route, Expected<std::vector<Buffer>> frames) override;

 private:
  BareLink(std::unique_ptr<wire::Sockets> sockets, std::unique_ptr<wire::SharedMemory> memory, std::uint64_t epoch);
  Buffer write(const Buffer& from);
  void turn(Duration most);
  void handle(links::LinkMessage message);
  void flush();

  SystemClock clock_;
  std::unique_ptr<wire::Sockets> sockets_;
  std::unique_ptr<wire::SharedMemory> memory_;
  links::HubCore core_;
  links::LinkId link_;
  std::string failure_;
  std::size_t answers_ = 0;
  bool echo_ = false;
};

}  // namespace zenith::tools
