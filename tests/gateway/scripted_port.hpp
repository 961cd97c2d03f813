// A Port without models: generations follow a script, everything that is asked of it is written down.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "zenith/gateway/port.hpp"

namespace zenith::gateway::test {

struct Script {
  std::uint32_t prompt_tokens = 3;
  std::vector<std::string> deltas{"Hello", ", ", "world"};  ///< repeated for each choice
  std::size_t repeat = 1;                                   ///< how often the deltas come
  std::optional<Error> error;                               ///< instead of Finished…
  bool error_first = false;                                 ///< …and instead of Started
  bool hold = false;                                        ///< after the deltas nothing more comes until cancel()
  bool drop = false;                                        ///< after the deltas the sink is let go
  std::string reasoning;                                    ///< the first delta's
  bool speaks = false;                                      ///< there is a voice, "joe" of "fake-voice"
  bool echo_prompt = false;                                 ///< one delta: the last user message or the prompt
};

/// Answers from a thread of its own, honours credit and cancel. Any thread.
class ScriptedPort final : public Port {
 public:
  ScriptedPort();
  ~ScriptedPort() override;

  void generate(messages::Generate request, std::shared_ptr<EventSink> sink) override;
  /// Two pieces of a tone, then Finished, or the script's error: after the pieces, or first with error_first.
  void speak(messages::Speak request, std::shared_ptr<EventSink> sink) override;
  /// Three frames of two numbers, the second after a loss, then Finished or the script's error; "missing" is no sensor.
  void watch(messages::Watch request, std::shared_ptr<EventSink> sink) override;
  void read_window(messages::ReadWindow request, Reply<messages::Window> reply) override;
  void set_sensor(messages::SetSensor request, Reply<messages::Text> reply) override;
  void load_sensor(messages::LoadSensor request, Reply<messages::Text> reply) override;
  void unload_sensor(messages::UnloadSensor request, Reply<messages::Text> reply) override;
  void grant(RequestId id, std::uint32_t events) override;
  void cancel(RequestId id) override;
  void embed(messages::Embed request, Reply<messages::Embeddings> reply) override;
  void tokenize(messages::Tokenize request, Reply<messages::Tokens> reply) override;
  void detokenize(messages::Detokenize request, Reply<messages::Text> reply) override;
  void apply_template(messages::ApplyTemplate request, Reply<messages::Text> reply) override;
  void transcribe(messages::Transcribe request, Reply<messages::Transcript> reply) override;
  /// One line, "PLATFORM 9", and with ReadMode::ui one button; the script's error with error_first.
  void read_image(messages::ReadImage request, Reply<messages::ImageReading> reply) override;
  messages::Snapshot snapshot() const override;
  messages::SystemStatus system() const override;

  void set(Script script);
  void set_health(messages::Health health);

  struct Seen {
    std::vector<messages::Generate> generates;
    std::vector<messages::Speak> speaks;
    std::vector<messages::Transcribe> transcribes;
    std::vector<messages::Watch> watches;
    std::vector<messages::ReadWindow> windows;
    std::vector<messages::SetSensor> sensor_sets;
    std::vector<messages::LoadSensor> sensor_loads;
    std::vector<messages::UnloadSensor> sensor_unloads;
    std::vector<messages::Embed> embeds;
    std::vector<messages::Tokenize> tokenizes;
    std::vector<messages::ApplyTemplate> templates;
    std::vector<messages::ReadImage> images;
    std::vector<RequestId> cancelled;
    std::map<RequestId, std::uint64_t> granted;
    std::uint64_t events_sent = 0;
  };
  Seen seen() const;
  /// Waits up to five seconds until `holds(seen)`. @returns whether it does.
  bool wait_until(const std::function<bool(const Seen&)>& holds) const;

 private:
  struct Running {
    messages::Generate request;
    std::shared_ptr<EventSink> sink;
    std::deque<messages::Event> events;
    std::uint64_t credit = 0;
    bool hold = false, drop = false;
  };
  void work();
  std::deque<messages::Event> play(const messages::Generate& request) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_, wake_;
  Script script_;
  Seen seen_;
  messages::Health health_ = messages::Health::ready;
  std::map<RequestId, Running> running_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace zenith::gateway::test
