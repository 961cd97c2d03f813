// A text that is spoken while it grows: what to ask of the voice service, what comes of it. Plain state; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/spoken_answer.hpp"
#include "realtime/audio.hpp"
#include "realtime/items.hpp"
#include "zenith/messages/reply.hpp"

namespace zenith::gateway {

/// Samples are made sentence by sentence, two ahead, and come out at 24 kHz in the order of the text; a file of another
/// format is made of the whole text at its end, since such files cannot be put together. Sentences in which nothing can
/// be said are passed over.
class Narrator {
 public:
  using Task = std::uint64_t;  ///< never 0
  static constexpr std::size_t kAhead = 2;
  static constexpr std::uint32_t kCredit = 4;  ///< events of one task on the way
  static constexpr std::uint32_t kRate = 24'000;

  Narrator(std::string model, std::string voice, SpokenFormat format)
      : model_(std::move(model)), voice_(std::move(voice)), format_(format) {}

  void add(std::string_view text);
  void text_over();
  /// Of a task that was begun. After it failed() everything is over.
  void on_event(Task task, messages::Event event);

  struct Begin {
    Task task = 0;
    messages::Speak request;  ///< without header
  };
  std::vector<Begin> take_begins() { return std::exchange(begins_, {}); }
  struct Sound {
    std::string bytes;  ///< as the format has them, a wav without its head
    Task credit = 0;    ///< the task that may send one event more once they are out; 0: none
  };
  std::vector<Sound> take_sounds() { return std::exchange(sounds_, {}); }
  const std::optional<Error>& failed() const noexcept { return failed_; }
  bool done() const noexcept { return text_over_ && !failed_ && pieces_.empty() && open_.empty(); }
  std::vector<Task> open() const;  ///< what is to be cancelled when nobody listens any more

 private:
  struct Voicing {
    Task task = 0;
    std::deque<messages::Event> held{};  ///< while another is heard; bounded by its credit
  };
  bool by_sentence() const noexcept { return made_as(format_) == messages::AudioFormat::samples; }
  void begin(std::string input);
  void pump();
  void heard(messages::Event event);
  void sound(const messages::Audio& audio);
  void next();
  void flush_if_done();

  std::string model_, voice_;
  SpokenFormat format_;
  realtime::SentenceCutter cutter_;
  std::string whole_;
  std::deque<std::string> pieces_;
  std::deque<Voicing> open_;
  std::optional<realtime::Resampler> resampler_;
  std::uint32_t from_rate_ = 0;
  std::vector<Begin> begins_;
  std::vector<Sound> sounds_;
  std::optional<Error> failed_;
  Task tasks_ = 0;
  bool text_over_ = false;
};

}  // namespace zenith::gateway
