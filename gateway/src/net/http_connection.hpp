// One HTTP/1.x connection: requests one after another, a read always pending so that a client that leaves is noticed.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "call.hpp"
#include "http/request_reader.hpp"
#include "net/client.hpp"
#include "net/deadline_timer.hpp"

namespace zenith::gateway {

class HttpOutlet;

class HttpConnection final : public Client, public std::enable_shared_from_this<HttpConnection> {
 public:
  enum class Limit : std::uint8_t { handshake, header, body, idle, write, silence, linger };

  HttpConnection(Hub& hub, Stream stream);
  ~HttpConnection() override;
  void start() override;
  void wind_down() override;
  void kill() override;
  void on_limit(Limit limit);

 private:
  friend class HttpOutlet;
  enum class State : std::uint8_t { reading, running, streaming, lingering, closed };

  void shake_hands();
  void begin();
  void read();
  void on_read(const boost::system::error_code& ec, std::size_t n);
  void process();
  void on_head();
  void refuse(int status, const std::string& why);
  void upgrade();

  void reply(HttpReply reply);
  void start_stream(int status, const HeaderList& headers, const std::string& content_type, std::string keep_alive);
  void send(std::string_view bytes, std::uint32_t events);
  void finish();
  void abort();

  void flush();
  void on_written(std::uint32_t events);
  void after_flush();
  void linger();
  void client_gone();
  void close();

  Hub& hub_;
  Stream stream_;
  RequestReader reader_;
  DeadlineTimer<HttpConnection, Limit> timer_;
  State state_ = State::reading;
  bool read_pending_ = false, write_pending_ = false, processing_ = false, peer_finished_ = false;

  // The current request.
  std::shared_ptr<Call> call_;  ///< from its head until it runs
  std::shared_ptr<HttpOutlet> outlet_;
  bool http_1_0_ = false, head_only_ = false, close_after_ = false, body_unread_ = false, finished_ = false,
       winding_down_ = false;
  std::string keep_alive_bytes_;
  std::chrono::steady_clock::time_point body_began_{};
  std::uint64_t body_read_ = 0;

  std::string in_, out_, writing_;
  std::uint32_t out_events_ = 0;
  std::uint64_t lingered_ = 0;
  std::array<char, 16384> block_;
};

}  // namespace zenith::gateway
