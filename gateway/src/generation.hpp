// One answer in the making: requests to the Port, its events to the client, credit back.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/fields.hpp"
#include "api/render.hpp"
#include "call.hpp"
#include "narrator.hpp"

namespace zenith::gateway {

/// How chunks are put on the wire.
enum class Framing : std::uint8_t { sse, websocket };

/// The loop's thread only; events come through sinks that post to it. Keeps itself alive until its last event.
class Generation : public std::enable_shared_from_this<Generation> {
 public:
  /// Starts one generation for each prompt of the draft (choices of prompt p have the indices from p*n) and answers the
  /// call.
  static void start(const std::shared_ptr<Call>& call, Draft draft, Shape shape, Framing framing);

  /// The client asked to stop (WebSocket): as if it had gone, but the stream's end is still sent.
  void cancel_by_client();

 private:
  friend class Sink;
  friend class NarrationSink;
  struct Part {
    RequestId id;
    std::uint32_t choices_before = 0;
    bool over = false;
    std::uint32_t ungranted = 0;
  };
  Generation(std::shared_ptr<Call> call, Framing framing) : call_(std::move(call)), framing_(framing) {}

  void on_event(std::size_t part, messages::Event event);
  void part_over(std::size_t part);
  void on_speech(Narrator::Task task, messages::Event event);
  void speak();
  void finish_if_done();
  void fail(const Error& error);
  /// Whose event the client will have taken with a message.
  struct Credit {
    std::size_t part = 0;
    Narrator::Task speech = 0;  ///< not 0: of that, not of a part
  };
  static constexpr std::size_t kNobody = ~std::size_t{0};
  void emit(const std::vector<std::string>& chunks, Credit credit);
  void grant_speech(Narrator::Task task);
  void finish_stream(std::string_view reason);
  void grant(std::size_t part, std::uint32_t events);
  void written(std::uint32_t events);
  void cancel_parts();
  void end(int status);

  std::shared_ptr<Call> call_;
  Framing framing_;
  bool stream_ = false, streaming_ = false, over_ = false;
  std::unique_ptr<Renderer> renderer_;
  std::vector<Part> parts_;
  std::size_t parts_started_ = 0, parts_over_ = 0;
  messages::Finished total_;
  std::deque<Credit> sent_;           ///< of each message that waits in the outlet
  std::optional<Narrator> narrator_;  ///< the answer is spoken
  SpokenFormat spoken_ = SpokenFormat::wav;
  std::map<Narrator::Task, RequestId> speeches_;  ///< that run
  std::string file_;                              ///< of speech, when it is no stream
  std::uint64_t tokens_ = 0;
};

}  // namespace zenith::gateway
