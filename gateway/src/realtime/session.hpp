// A conversation between a WebSocket and the Port: its effects become requests, services' events become its own.
#pragma once

#include <deque>
#include <unordered_map>

#include "realtime/conversation.hpp"
#include "socket_session.hpp"

namespace zenith::gateway::realtime {

/// The loop's thread only; services' events come through sinks that post to it.
///
/// Events wait here, not in the socket: only kAhead bytes are given to it at once, so that a cancel takes back the
/// audio that the client does not have yet. A message is granted anew once the socket has taken it, so a slow client
/// slows only its own services; while too much waits, nothing is read from it.
class RealtimeSession final : public SocketSession, public std::enable_shared_from_this<RealtimeSession> {
 public:
  static constexpr std::size_t kAhead = 64u << 10, kMostWaiting = 1u << 20;

  RealtimeSession(const Call& handshake, std::string model, SocketHost host);
  ~RealtimeSession() override;
  void begin() override;
  void on_message(std::string text) override;
  bool on_binary() override;
  bool busy() const override { return hearing_ || waiting_bytes_ > kMostWaiting; }
  void on_alarm() override;
  void on_closed() override;

  void on_event(TaskId task, messages::Event event);
  void on_transcript(TaskId task, const Expected<messages::Transcript>& reply);

 private:
  void perform();
  void perform(Say& say);
  void perform(BeginTranscription& begin);
  void perform(BeginGeneration& begin);
  void perform(BeginSpeech& begin);
  void perform(Grant& grant);
  void perform(Cancel& cancel);
  void perform(DropAudio&);
  void perform(ResponseBegan&);
  void perform(ResponseEnded& ended);
  messages::Header header_for(TaskId task);
  Status admit();
  void hear();
  void count_buffered();
  void write_down(int status);
  void send();
  void written();

  Gateway& gateway_;
  KeyState* key_;
  messages::TraceContext trace_;
  std::shared_ptr<messages::Receipt> receipt_ = std::make_shared<messages::Receipt>();  ///< of the response to come
  SocketHost host_;
  std::shared_ptr<Outlet> outlet_;
  Conversation conversation_;
  std::deque<Say> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::deque<TaskId> in_socket_;  ///< the credit of each message that the socket has
  std::unordered_map<TaskId, RequestId> running_;
  std::unordered_map<TaskId, std::uint32_t> ungranted_;
  RequestId response_;  ///< stands for the response in the gateway's list of work; 0: none
  Instant response_began_;
  std::optional<Instant> alarm_;
  std::size_t counted_bytes_ = 0;
  bool hearing_ = false, closed_ = false, performing_ = false;
};

}  // namespace zenith::gateway::realtime
