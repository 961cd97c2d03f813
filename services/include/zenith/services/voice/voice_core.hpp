// Who speaks next: requests in turn, sentence by sentence, within a bounded line and each client's credit.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"
#include "zenith/services/voice/speaker.hpp"

namespace zenith::services {

inline constexpr std::size_t kMostCharacters = 16384;  ///< of a request's input, in bytes

/// One sentence for the speaker.
struct SpeechJob {
  RequestId id;
  std::string sentence, voice;
  float speed = 1;
  bool last = false;  ///< of its request
};

/// Plain state; one thread. One sentence is made at a time; a request whose client takes nothing waits and lets the
/// others speak.
class VoiceCore {
 public:
  VoiceCore(SpeakerInfo info, std::size_t queue) : info_(std::move(info)), queue_(queue) {}

  /// Takes the request, or its events hold why not: overloaded, invalid_argument, payload_too_large, unsupported.
  void arrive(const messages::Speak& request, Instant now);
  void grant(RequestId id, std::uint32_t events);
  void cancel(RequestId id);
  /// What to make now; nothing while a sentence is being made.
  std::optional<SpeechJob> next_job();
  void samples(RequestId id, std::vector<std::int16_t> samples);
  /// The next of the file that was asked for.
  void bytes(RequestId id, std::vector<std::uint8_t> bytes);
  void job_done(RequestId id, const Status& result, Instant now);
  std::vector<std::pair<RequestId, messages::Event>> take_events() { return std::exchange(events_, {}); }

  std::size_t open() const noexcept { return lines_.size(); }
  bool busy() const noexcept { return busy_; }

 private:
  struct Line {
    RequestId id;
    std::string voice;
    float speed = 1;
    std::deque<std::string> sentences;
    std::deque<messages::Event> pieces;  ///< made, and waiting for credit
    std::uint64_t credit = 0;
    bool spoke = false;
    Instant arrived;
    std::optional<Instant> started;
    std::optional<Error> unspoken;
    bool making = false;
  };
  std::optional<Error> refusal(const messages::Speak& request) const;
  Line* find(RequestId id);
  void keep(RequestId id, std::vector<messages::Event> pieces);
  void send(Line& line);
  void finish_if_done(RequestId id, Instant now);

  SpeakerInfo info_;
  std::size_t queue_;
  std::deque<Line> lines_;  ///< in turn
  std::vector<std::pair<RequestId, messages::Event>> events_;
  bool busy_ = false;
  Instant last_now_{};
};

}  // namespace zenith::services
