// One conversation of /v1/realtime: the client's events, the services' events and the clock in; effects out.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "realtime/config.hpp"
#include "realtime/effects.hpp"
#include "realtime/input_audio.hpp"
#include "realtime/items.hpp"
#include "zenith/core/clock.hpp"

namespace zenith::gateway::realtime {

struct Setup {
  std::string unique;                            ///< goes into every id
  std::string model;                             ///< that answers
  MakeVoiceActivity activity;                    ///< empty: no server_vad
  const Clock* clock = nullptr;                  ///< outlives the conversation
  std::function<messages::Snapshot()> snapshot;  ///< models and voices, now
  std::function<Status()> admit;                 ///< may a response begin: draining, quota
  std::function<bool(std::size_t)> room;         ///< for so many bytes of sound more
};

/// Plain state without sockets, threads or actors; one thread. What a client sends is answered by an `error` event at
/// worst: the conversation goes on.
///
/// Bounds: one open response, kMostItems items of kMostConversation bytes (the oldest leave, with
/// conversation.item.deleted),
/// kMostTranscriptions open transcriptions, InputAudio's of the buffer, two sentences of speech ahead.
class Conversation {
 public:
  static constexpr std::size_t kMostTranscriptions = 8, kVoicesAhead = 2, kMostConversation = 2u << 20;
  static constexpr std::uint32_t kLeastTurnMs = 100;
  static constexpr std::int64_t kLongestGuessMs = 30'000;  ///< of a turn whose pauses are heard as its end

  explicit Conversation(Setup setup);

  void start();                            ///< says session.created
  void on_message(std::string_view json);  ///< a client's event
  void on_binary();                        ///< a message that is no text
  /// Hears the next slice of what was appended. @returns whether more waits: call again, before the next message.
  bool hear();
  void on_event(TaskId task, messages::Event event);  ///< of a generation or of speech
  void on_transcript(TaskId task, TranscriptEvent event);
  void fail_response(const Error& why);  ///< what runs is to end now; nothing when nothing does
  std::optional<Instant> alarm() const noexcept { return idle_at_; }
  void on_alarm();

  std::vector<Effect> take_effects() { return std::exchange(effects_, {}); }
  bool responding() const noexcept { return response_.has_value(); }
  /// Whether that task is speech, else a generation. An old task is a generation.
  bool speaks(TaskId task) const noexcept;
  std::size_t buffered_bytes() const noexcept { return input_.bytes(); }

 private:
  struct Voicing {  ///< one sentence on its way
    TaskId task = 0;
    std::size_t text_end = 0;
    std::deque<messages::Event> held{};  ///< while another is heard; bounded by its credit
  };
  struct Response {
    std::string id;
    OutputConfig output;
    std::string voice_model, voice;
    bool in_conversation = true;
    Value::Object metadata;
    std::optional<std::vector<Item>> input;  ///< instead of the conversation's items
    Item item;
    bool thinking = false, item_added = false, generation_over = false, cut_short = false;
    TaskId generation = 0;
    SentenceCutter cutter;
    std::deque<SentenceCutter::Piece> pieces;
    std::deque<Voicing> voices;
    std::optional<Resampler> resampler;
    std::uint32_t from_rate = 0;
    std::uint64_t samples = 0;  ///< said, at the rate of its encoding
    std::optional<Instant> first_audio;
    messages::Usage usage;
    std::size_t left_out = 0;  ///< messages, oldest first, that did not fit the context
  };
  using Fields = std::function<void(JsonWriter&)>;

  // conversation.cpp: the client's events
  using Handler = Read<void> (Conversation::*)(const Node&);
  static const std::unordered_map<std::string_view, Handler>& handlers();
  Read<void> session_update(const Node& event);
  Read<void> audio_append(const Node& event);
  Read<void> audio_commit(const Node& event);
  Read<void> audio_clear(const Node& event);
  Read<void> item_create(const Node& event);
  Read<void> item_retrieve(const Node& event);
  Read<void> item_delete(const Node& event);
  Read<void> item_truncate(const Node& event);
  Read<void> response_create(const Node& event);
  Read<void> response_cancel(const Node& event);
  Read<std::vector<Item>> read_input(const Value::Array& list);

  // hearing.cpp: turns and transcriptions
  void on_edge(Edge edge, std::uint64_t at);
  void on_speech_started();
  void on_speech_stopped(std::uint64_t at);
  void guess_end(std::uint64_t at);
  void drop_guess();
  Read<void> commit(std::uint64_t until, std::string item_id);
  BeginTranscription transcription_of(std::vector<std::int16_t> samples);
  void transcribe(const Item& item, std::vector<std::int16_t> samples);
  bool keep_guess(const Item& item, std::size_t samples);
  Part* audio_part(const std::string& item_id);
  void set_idle_alarm(Instant heard_to_the_end);  ///< then nobody says anything for so long

  // items
  Available available() const;
  std::vector<Item>::iterator find_item(const std::string& id);
  void add_item(Item item, std::size_t at, bool done = true);
  void make_room(std::size_t text_bytes);
  void forget_transcriptions_of(const std::string& item_id);

  // answering.cpp: the response
  Read<void> begin_response(Response response);
  void think_when_ready();
  messages::Chat prompt_of(const Response& r) const;
  void generate();
  void on_generation(messages::Event event);
  void on_speech(messages::Event event);
  void on_delta(const messages::Delta& delta);
  void add_response_item();
  void on_audio(const messages::Audio& audio);
  void say_audio(std::vector<std::int16_t> samples, TaskId credit);
  void pump_speech();
  void next_voice();
  void finish_if_done();
  void end_response(std::string_view status, std::string_view reason, const Error* error);

  // saying.cpp
  std::string next_id(std::string_view kind);
  void say(std::string_view type, const Fields& fields, bool audio = false, TaskId credit = 0);
  void say_error(const Problem& problem, const std::string& client_event_id);
  void say_item(std::string_view type, const Item& item, const std::string* previous);
  void say_response(std::string_view type, std::string_view status, std::string_view reason, const Error* error);
  void place(JsonWriter& w) const;  ///< response_id, item_id, output_index, content_index
  void write_part(JsonWriter& w) const;

  Setup setup_;
  std::string id_;
  Config config_;
  InputAudio input_;
  std::vector<Item> items_;
  std::optional<Response> response_;
  struct Listening {
    std::string item_id;
    double seconds = 0;
    std::string text;  ///< so far
    bool tell = false;
  };
  std::unordered_map<TaskId, Listening> transcriptions_;
  /// A transcription that a pause began, in case that the turn ends with it: what it said waits until then.
  struct Guess {
    BeginTranscription begun;  ///< without the samples
    std::vector<TranscriptEvent> said;
  };
  std::optional<Guess> guess_;
  std::string turn_item_;  ///< of the turn that is being spoken
  std::optional<Instant> idle_at_;
  std::vector<Effect> effects_;
  std::uint64_t ids_ = 0;
  TaskId tasks_ = 0;
  bool full_told_ = false;
};

}  // namespace zenith::gateway::realtime
