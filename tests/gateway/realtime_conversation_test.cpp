// A conversation on a fake clock, without sockets and services: what it says, in which order, and what it asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/members.hpp"
#include "json/parse.hpp"
#include "realtime/conversation.hpp"

namespace zenith::gateway::realtime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using namespace std::chrono_literals;

/// One letter a frame of 32 ms, judged twice: '#' is speech.
class Scripted final : public VoiceActivity {
 public:
  explicit Scripted(std::shared_ptr<std::string> script) : script_(std::move(script)) {}
  float probability(std::span<const float, kFrame>) noexcept override {
    if (script_->empty()) return 0;
    const char c = script_->front();
    script_->erase(0, 1);
    return c == '#' ? 0.9F : 0.01F;
  }
  void reset() noexcept override {}

 private:
  std::shared_ptr<std::string> script_;
};

/// A path like "error.code" or "response.output.0.status".
std::string at(const std::string& json, std::string_view path) {
  auto value = parse_json(json);
  if (!value) return "no JSON: " + json;
  const Value* v = &*value;
  while (!path.empty() && v != nullptr) {
    const auto part = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (const auto* list = std::get_if<Value::Array>(&v->data)) {
      const auto i = static_cast<std::size_t>(part.front() - '0');
      v = i < list->size() ? &(*list)[i] : nullptr;
    } else {
      v = find(*v, part);
    }
  }
  if (v == nullptr) return "absent";
  if (const auto* s = std::get_if<std::string>(&v->data)) return *s;
  if (const auto* i = std::get_if<std::int64_t>(&v->data)) return std::to_string(*i);
  if (const auto* b = std::get_if<bool>(&v->data)) return *b ? "true" : "false";
  if (std::holds_alternative<std::nullptr_t>(v->data)) return "null";
  return "another type";
}

class Talk : public testing::Test {
 protected:
  Talk() { begin(true, true); }

  void begin(bool hears, bool speaks) {
    realtime::Setup setup;
    setup.unique = "t";
    setup.model = "llm";
    if (hears) setup.activity = [frames = frames_] { return std::make_unique<Scripted>(frames); };
    setup.clock = &clock_;
    setup.snapshot = [speaks] {
      messages::Snapshot s;
      s.models.push_back({.name = "llm"});
      if (speaks) s.models.push_back({.name = "piper", .kind = messages::ModelKind::speech, .voices = {"joe", "amy"}});
      return s;
    };
    setup.admit = [this] { return refusal_ ? Status{tl::make_unexpected(*refusal_)} : Status{}; };
    setup.room = [this](std::size_t bytes) { return bytes < room_; };
    talk_ = std::make_unique<Conversation>(std::move(setup));
    talk_->start();
    collect();
    said_.clear();
  }

  void collect() {
    for (auto& effect : talk_->take_effects()) {
      if (auto* say = std::get_if<Say>(&effect)) {
        said_.push_back(say->json);
        if (say->credit != 0) credited_.push_back(say->credit);
      }
      if (auto* b = std::get_if<BeginGeneration>(&effect)) generations_.push_back(*b);
      if (auto* b = std::get_if<BeginSpeech>(&effect)) speeches_.push_back(*b);
      if (auto* b = std::get_if<BeginTranscription>(&effect)) transcriptions_.push_back(*b);
      if (auto* c = std::get_if<Cancel>(&effect)) cancelled_.push_back(c->id);
      if (auto* g = std::get_if<Grant>(&effect)) granted_.push_back(g->id);
      if (std::holds_alternative<DropAudio>(effect)) ++drops_;
      if (std::holds_alternative<ResponseBegan>(effect)) ++began_;
      if (auto* e = std::get_if<ResponseEnded>(&effect)) ended_.push_back(*e);
    }
  }

  /// What is said because of it: the types, in order.
  std::vector<std::string> types() {
    collect();
    std::vector<std::string> out;
    for (const auto& json : said_) out.push_back(at(json, "type"));
    last_ = std::exchange(said_, {});
    return out;
  }
  std::string last(std::string_view type, std::string_view path) {
    for (auto it = last_.rbegin(); it != last_.rend(); ++it) {
      if (at(*it, "type") == type) return at(*it, path);
    }
    return "not said";
  }
  std::vector<std::string> send(const std::string& json) {
    talk_->on_message(json);
    return types();
  }
  std::vector<std::string> hear(const std::string& frames) {
    for (const char frame : frames) frames_->append(2, frame);
    const std::string silence(frames.size() * 768 * 2, '\0');
    talk_->on_message(R"({"type":"input_audio_buffer.append","audio":")" + base64(silence) + "\"}");
    while (talk_->hear()) {
    }
    return types();
  }
  std::vector<std::string> event(TaskId task, messages::Event e) {
    talk_->on_event(task, std::move(e));
    return types();
  }
  std::vector<std::string> transcript(TranscriptEvent e) {
    talk_->on_transcript(transcriptions_.back().id, std::move(e));
    return types();
  }
  static messages::Delta delta(std::string text) { return {.content = std::move(text), .tokens = {1}}; }
  static messages::Audio audio(std::size_t samples, std::uint32_t rate = 24000) {
    return {rate, std::vector<std::int16_t>(samples, 1000)};
  }
  void ask(const std::string& text) {
    send(
        R"({"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":")" +
        text + R"("}]}})");
  }
  void text_only() { send(R"({"type":"session.update","session":{"type":"realtime","output_modalities":["text"]}})"); }
  /// Up to the response that thinks.
  void spoken_turn() {
    hear("####" + std::string(20, '.'));
    transcript(Transcribed{"How are you?"});
  }

  FakeClock clock_;
  std::shared_ptr<std::string> frames_ = std::make_shared<std::string>();
  std::optional<Error> refusal_;
  std::size_t room_ = SIZE_MAX;
  std::unique_ptr<Conversation> talk_;
  std::vector<std::string> said_, last_;
  std::vector<BeginGeneration> generations_;
  std::vector<BeginSpeech> speeches_;
  std::vector<BeginTranscription> transcriptions_;
  std::vector<TaskId> cancelled_, credited_, granted_;
  std::vector<ResponseEnded> ended_;
  int drops_ = 0, began_ = 0;
};

TEST_F(Talk, a_text_turn_says_these_events_in_this_order) {
  text_only();
  EXPECT_THAT(
      send(
          R"({"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}})"),
      ElementsAre("conversation.item.added", "conversation.item.done"));
  EXPECT_EQ(last("conversation.item.added", "previous_item_id"), "null");
  EXPECT_THAT(send(R"({"type":"response.create"})"), ElementsAre("response.created"));
  ASSERT_EQ(generations_.size(), 1u);
  const auto& chat = std::get<messages::Chat>(generations_[0].request.prompt);
  ASSERT_EQ(chat.messages.size(), 1u);
  EXPECT_EQ(chat.messages[0].text_parts, std::vector<std::string>{"Hi"});
  const TaskId task = generations_[0].id;
  EXPECT_THAT(event(task, messages::Started{7}),
              ElementsAre("response.output_item.added", "conversation.item.added", "response.content_part.added"));
  EXPECT_THAT(event(task, delta("Hel")), ElementsAre("response.output_text.delta"));
  EXPECT_THAT(event(task, delta("lo.")), ElementsAre("response.output_text.delta"));
  EXPECT_EQ(credited_, (std::vector<TaskId>{task, task}));
  event(task, messages::ChoiceEnd{});
  EXPECT_THAT(event(task, messages::Finished{{7, 2, 3, 0}, {}}),
              ElementsAre("response.output_text.done", "response.content_part.done", "response.output_item.done",
                          "conversation.item.done", "response.done"));
  EXPECT_EQ(last("response.output_text.done", "text"), "Hello.");
  EXPECT_EQ(last("response.done", "response.status"), "completed");
  EXPECT_EQ(last("response.done", "response.usage.total_tokens"), "9");
  EXPECT_EQ(last("response.done", "response.usage.input_token_details.cached_tokens"), "3");
  EXPECT_EQ(last("response.done", "response.output.0.content.0.text"), "Hello.");
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].tokens, 9u);
  EXPECT_EQ(began_, 1);
}

TEST_F(Talk, a_spoken_turn_says_these_events_in_this_order) {
  send(R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"w"}}}}})");
  EXPECT_THAT(hear("####"), ElementsAre("input_audio_buffer.speech_started"));
  EXPECT_THAT(hear(std::string(17, '.')),
              ElementsAre("input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
                          "conversation.item.added", "conversation.item.done", "response.created"));
  const auto item = last("input_audio_buffer.committed", "item_id");
  EXPECT_EQ(last("input_audio_buffer.speech_stopped", "item_id"), item);
  EXPECT_EQ(last("conversation.item.added", "item.content.0.type"), "input_audio");
  ASSERT_EQ(transcriptions_.size(), 1u);
  EXPECT_EQ(transcriptions_[0].model, "w");
  EXPECT_GT(transcriptions_[0].samples.size(), 8u * 512);
  EXPECT_TRUE(generations_.empty()) << "it waits for the words";
  EXPECT_THAT(transcript(Heard{"How are"}), ElementsAre("conversation.item.input_audio_transcription.delta"));
  EXPECT_THAT(transcript(Transcribed{"How are you?"}),
              ElementsAre("conversation.item.input_audio_transcription.completed"));
  EXPECT_EQ(last("conversation.item.input_audio_transcription.completed", "item_id"), item);
  ASSERT_EQ(generations_.size(), 1u);
  const TaskId think = generations_[0].id;
  event(think, messages::Started{5});
  EXPECT_THAT(event(think, delta("I am very well. ")), ElementsAre("response.output_audio_transcript.delta"));
  ASSERT_EQ(speeches_.size(), 1u) << "the first sentence is spoken while the second is written";
  EXPECT_EQ(speeches_[0].request.model, "piper");
  EXPECT_EQ(speeches_[0].request.input, "I am very well.");
  event(think, delta("And how are you?"));
  event(think, messages::Finished{{5, 9, 0, 0}, {}});
  ASSERT_EQ(speeches_.size(), 2u) << "the next sentence is asked for before the former has ended";
  EXPECT_THAT(event(speeches_[1].id, audio(2400)), ElementsAre()) << "it waits for its turn";
  EXPECT_THAT(event(speeches_[0].id, audio(4800)), ElementsAre("response.output_audio.delta"));
  EXPECT_THAT(event(speeches_[0].id, messages::Finished{}), ElementsAre("response.output_audio.delta"));
  EXPECT_THAT(
      event(speeches_[1].id, messages::Finished{}),
      ElementsAre("response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done",
                  "response.output_item.done", "conversation.item.done", "response.done"));
  EXPECT_EQ(last("response.output_audio_transcript.done", "transcript"), "I am very well. And how are you?");
  EXPECT_EQ(last("response.done", "response.status"), "completed");
}

TEST_F(Talk, a_pause_begins_the_transcription_that_the_turn_ends_with) {
  send(R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"w"}}}}})");
  hear("####");
  EXPECT_THAT(hear(std::string(8, '.')), ElementsAre());
  ASSERT_EQ(transcriptions_.size(), 1u);
  EXPECT_THAT(transcript(Heard{"How are"}), ElementsAre()) << "it may not be the end";
  EXPECT_THAT(transcript(Transcribed{"How are you?"}), ElementsAre());
  EXPECT_TRUE(generations_.empty());
  EXPECT_THAT(
      hear(std::string(9, '.')),
      ElementsAre("input_audio_buffer.speech_stopped", "input_audio_buffer.committed", "conversation.item.added",
                  "conversation.item.done", "conversation.item.input_audio_transcription.delta",
                  "conversation.item.input_audio_transcription.completed", "response.created"));
  EXPECT_EQ(last("conversation.item.input_audio_transcription.completed", "transcript"), "How are you?");
  EXPECT_EQ(last("conversation.item.input_audio_transcription.completed", "item_id"),
            last("input_audio_buffer.committed", "item_id"));
  EXPECT_EQ(transcriptions_.size(), 1u);
  EXPECT_EQ(generations_.size(), 1u);
  EXPECT_TRUE(cancelled_.empty());
}

TEST_F(Talk, who_goes_on_after_a_pause_is_heard_to_the_end) {
  hear("####" + std::string(8, '.') + "####");
  ASSERT_EQ(transcriptions_.size(), 1u);
  const TaskId early = transcriptions_[0].id;
  EXPECT_THAT(cancelled_, ElementsAre(early));
  talk_->on_transcript(early, Transcribed{"How are"});
  EXPECT_THAT(types(), ElementsAre());
  hear(std::string(17, '.'));
  ASSERT_EQ(transcriptions_.size(), 2u);
  EXPECT_GT(transcriptions_[1].samples.size(), transcriptions_[0].samples.size());
  transcript(Transcribed{"How are you?"});
  ASSERT_EQ(generations_.size(), 1u);
  EXPECT_EQ(std::get<messages::Chat>(generations_[0].request.prompt).messages.back().text_parts.front(),
            "How are you?");
}

TEST_F(Talk, a_long_turn_is_heard_at_its_end_only) {
  const auto half_a_minute = static_cast<std::size_t>(Conversation::kLongestGuessMs / 32);
  hear(std::string(half_a_minute - 40, '#') + std::string(8, '.'));
  EXPECT_EQ(transcriptions_.size(), 1u) << "29 s";
  hear(std::string(60, '#') + std::string(8, '.'));
  EXPECT_EQ(transcriptions_.size(), 1u) << "31 s";
  EXPECT_THAT(cancelled_, ElementsAre(transcriptions_[0].id));
  hear(std::string(9, '.'));
  EXPECT_EQ(transcriptions_.size(), 2u);
  transcript(Transcribed{"How are you?"});
  EXPECT_EQ(generations_.size(), 1u);
}

TEST_F(Talk, a_transcription_that_failed_in_the_pause_is_tried_again) {
  hear("####" + std::string(8, '.'));
  EXPECT_THAT(transcript(Error{Errc::unavailable, "gone", {}, {}}), ElementsAre());
  hear(std::string(9, '.'));
  EXPECT_EQ(transcriptions_.size(), 2u);
  transcript(Transcribed{"How are you?"});
  EXPECT_EQ(generations_.size(), 1u);
}

TEST_F(Talk, what_a_pause_began_ends_with_the_buffer_and_with_other_wishes) {
  hear("####" + std::string(8, '.'));
  send(R"({"type":"input_audio_buffer.clear"})");
  EXPECT_THAT(cancelled_, ElementsAre(transcriptions_[0].id)) << "cleared";
  hear("####" + std::string(8, '.'));
  send(R"({"type":"input_audio_buffer.commit"})");
  ASSERT_EQ(transcriptions_.size(), 3u);
  EXPECT_THAT(cancelled_, ElementsAre(transcriptions_[0].id, transcriptions_[1].id))
      << "committed early, with more sound";
  hear("####" + std::string(8, '.'));
  send(R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"w"}}}}})");
  hear(std::string(9, '.'));
  ASSERT_EQ(transcriptions_.size(), 5u);
  EXPECT_EQ(transcriptions_[4].model, "w");
  EXPECT_EQ(cancelled_.back(), transcriptions_[3].id) << "by another model";
}

TEST_F(Talk, speech_over_an_answer_stops_it) {
  spoken_turn();
  const TaskId think = generations_[0].id;
  event(think, messages::Started{5});
  event(think, delta("This is the first sentence. This is the second one. This is"));
  ASSERT_EQ(speeches_.size(), 2u);
  event(speeches_[0].id, audio(4800));
  EXPECT_THAT(hear("###"), ElementsAre("input_audio_buffer.speech_started", "response.output_audio.done",
                                       "response.output_audio_transcript.done", "response.content_part.done",
                                       "response.output_item.done", "conversation.item.done", "response.done"));
  EXPECT_EQ(last("response.done", "response.status"), "cancelled");
  EXPECT_EQ(last("response.done", "response.status_details.reason"), "turn_detected");
  EXPECT_EQ(last("response.output_item.done", "item.status"), "incomplete");
  EXPECT_THAT(cancelled_, ElementsAre(think, speeches_[0].id, speeches_[1].id));
  EXPECT_EQ(drops_, 1);
  EXPECT_THAT(event(speeches_[0].id, audio(4800)), ElementsAre()) << "what was on its way is not passed on";
  EXPECT_THAT(event(think, delta("late")), ElementsAre());
}

TEST_F(Talk, speech_does_not_stop_an_answer_when_it_may_not) {
  send(
      R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","interrupt_response":false}}}}})");
  spoken_turn();
  event(generations_[0].id, messages::Started{5});
  EXPECT_THAT(hear("###"), ElementsAre("input_audio_buffer.speech_started"));
  EXPECT_THAT(hear(std::string(17, '.')),
              ElementsAre("input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
                          "conversation.item.added", "conversation.item.done", "error"));
  EXPECT_EQ(last("error", "error.code"), "conversation_already_has_active_response");
}

TEST_F(Talk, a_cancel_of_the_client_ends_the_response) {
  ask("Hi");
  send(R"({"type":"response.create"})");
  EXPECT_THAT(send(R"({"type":"response.cancel","response_id":"another"})"), ElementsAre("error"));
  EXPECT_THAT(send(R"({"type":"response.cancel"})"), ElementsAre("response.done")) << "nothing was said yet";
  EXPECT_EQ(last("response.done", "response.status_details.reason"), "client_cancelled");
  EXPECT_EQ(cancelled_, std::vector<TaskId>{generations_[0].id});
  EXPECT_THAT(send(R"({"type":"response.cancel","event_id":"e9"})"), ElementsAre("error"));
  EXPECT_EQ(last("error", "error.code"), "response_cancel_not_active");
  EXPECT_EQ(last("error", "error.event_id"), "e9");
}

TEST_F(Talk, without_turn_detection_the_client_commits) {
  send(R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":null}}}})");
  EXPECT_EQ(last("session.updated", "session.audio.input.turn_detection"), "null");
  EXPECT_THAT(send(R"({"type":"input_audio_buffer.commit"})"), ElementsAre("error"));
  EXPECT_EQ(last("error", "error.code"), "input_audio_buffer_commit_empty");
  EXPECT_THAT(hear("##########"), ElementsAre());
  EXPECT_THAT(send(R"({"type":"input_audio_buffer.clear"})"), ElementsAre("input_audio_buffer.cleared"));
  EXPECT_THAT(send(R"({"type":"input_audio_buffer.commit"})"), ElementsAre("error"));
  hear("##########");
  EXPECT_THAT(send(R"({"type":"input_audio_buffer.commit"})"),
              ElementsAre("input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"));
  EXPECT_THAT(send(R"({"type":"response.create"})"), ElementsAre("response.created"));
  EXPECT_THAT(transcript(Transcribed{"Hello"}), ElementsAre()) << "transcripts are told to who asked for them";
  EXPECT_EQ(generations_.size(), 1u);
}

TEST_F(Talk, a_turn_without_words_has_an_empty_answer) {
  hear("####" + std::string(20, '.'));
  EXPECT_THAT(transcript(Transcribed{" "}), ElementsAre("response.done"));
  EXPECT_EQ(last("response.done", "response.status"), "completed");
  EXPECT_TRUE(generations_.empty());
}

TEST_F(Talk, a_lost_service_fails_the_response_and_the_talk_goes_on) {
  const Error gone{Errc::unavailable, "service 'voice' failed", {}, {}};
  hear("####" + std::string(20, '.'));
  EXPECT_THAT(transcript(gone), ElementsAre("error", "response.done")) << "the ears";
  EXPECT_EQ(last("response.done", "response.status"), "failed");
  EXPECT_EQ(last("response.done", "response.status_details.error.code"), "unavailable");
  EXPECT_EQ(last("error", "error.type"), "server_error");
  EXPECT_THAT(send(R"({"type":"response.create"})"), ElementsAre("response.created", "error", "response.done"))
      << "the turn has no words";
  ask("Hi");
  send(R"({"type":"response.create"})");
  EXPECT_THAT(event(generations_.back().id, gone), ElementsAre("error", "response.done")) << "the mind";
  send(R"({"type":"response.create"})");
  const TaskId think = generations_.back().id;
  event(think, messages::Started{3});
  event(think, delta("A long enough sentence. "));
  EXPECT_THAT(
      event(speeches_.back().id, gone),
      ElementsAre("error", "response.output_audio.done", "response.output_audio_transcript.done",
                  "response.content_part.done", "response.output_item.done", "conversation.item.done", "response.done"))
      << "the voice";
  EXPECT_EQ(cancelled_, std::vector<TaskId>{think});
  EXPECT_EQ(ended_.back().http_status, 503);
  refusal_ = Error{Errc::rate_limited, "too many", {}, 1s};
  EXPECT_THAT(send(R"({"type":"response.create"})"), ElementsAre("response.created", "error", "response.done"));
  EXPECT_EQ(last("error", "error.code"), "rate_limit_exceeded");
}

TEST_F(Talk, what_cannot_be_said_is_left_out) {
  ask("Hi");
  send(R"({"type":"response.create"})");
  const TaskId think = generations_.back().id;
  event(think, messages::Started{3});
  event(think, delta("\xe6\xbc\xa2\xe5\xad\x97 and so on. Then a real sentence."));
  event(think, messages::Finished{{3, 4, 0, 0}, {}});
  ASSERT_EQ(speeches_.size(), 2u);
  EXPECT_THAT(event(speeches_[0].id, Error{Errc::unsupported, "input: nothing of it can be spoken", "input", {}}),
              ElementsAre());
  event(speeches_[1].id, audio(2400));
  types();
  EXPECT_THAT(event(speeches_[1].id, messages::Finished{}), testing::Contains("response.done"));
  EXPECT_EQ(last("response.done", "response.status"), "completed");
}

TEST_F(Talk, what_was_not_heard_is_forgotten) {
  ask("Hi");
  send(R"({"type":"response.create"})");
  const TaskId think = generations_.back().id;
  event(think, messages::Started{3});
  const std::string text = "One two three four five. Six seven eight nine ten.";
  event(think, delta(text));
  event(think, messages::Finished{{3, 4, 0, 0}, {}});
  for (const int i : {0, 1}) {
    event(speeches_[static_cast<std::size_t>(i)].id, audio(24000));
    event(speeches_[static_cast<std::size_t>(i)].id, messages::Finished{});
  }
  const auto id = last("response.done", "response.output.0.id");
  const auto cut = [&](int ms) {
    return send(R"({"type":"conversation.item.truncate","content_index":0,"item_id":")" + id + R"(","audio_end_ms":)" +
                std::to_string(ms) + "}");
  };
  const auto words = [&] {
    send(R"({"type":"conversation.item.retrieve","item_id":")" + id + "\"}");
    return last("conversation.item.retrieved", "item.content.0.transcript");
  };
  EXPECT_EQ(words(), text);
  EXPECT_THAT(cut(2001), ElementsAre("error"));
  EXPECT_THAT(cut(2000), ElementsAre("conversation.item.truncated"));
  EXPECT_EQ(words(), text);
  EXPECT_THAT(cut(1500), ElementsAre("conversation.item.truncated"));
  EXPECT_EQ(words(), "One two three four five. Six seven");
  EXPECT_THAT(cut(1501), ElementsAre("error")) << "it is gone";
  cut(400);
  EXPECT_EQ(words(), "One two");
  cut(0);
  EXPECT_EQ(words(), "");
}

TEST_F(Talk, a_prompt_that_does_not_fit_loses_its_oldest_messages) {
  text_only();
  for (const auto* text : {"one", "two", "three", "four"}) ask(text);
  send(R"({"type":"response.create","response":{"instructions":"Be brief."}})");
  const Error overflow{Errc::context_overflow, "too long", {}, {}};
  event(generations_.back().id, overflow);
  event(generations_.back().id, overflow);
  ASSERT_EQ(generations_.size(), 3u);
  const auto& chat = std::get<messages::Chat>(generations_.back().request.prompt);
  ASSERT_EQ(chat.messages.size(), 2u);
  EXPECT_EQ(chat.messages[0].role, "system");
  EXPECT_EQ(chat.messages[1].text_parts.front(), "four");
  EXPECT_THAT(event(generations_.back().id, overflow), ElementsAre("error", "response.done"))
      << "nothing is left to leave out";
  send(R"({"type":"session.update","session":{"type":"realtime","truncation":"disabled"}})");
  send(R"({"type":"response.create"})");
  EXPECT_THAT(event(generations_.back().id, overflow), ElementsAre("error", "response.done"));
  EXPECT_EQ(last("error", "error.code"), "context_overflow");
}

TEST_F(Talk, a_response_on_its_own_stays_out_of_the_conversation) {
  text_only();
  ask("secret");
  send(
      R"({"type":"response.create","response":{"conversation":"none","metadata":{"topic":"x"},"max_output_tokens":9,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"other"}]}]}})");
  EXPECT_EQ(last("response.created", "response.metadata.topic"), "x");
  EXPECT_EQ(last("response.created", "response.conversation_id"), "null");
  EXPECT_EQ(generations_.back().request.max_tokens, 9u);
  const auto& chat = std::get<messages::Chat>(generations_.back().request.prompt);
  ASSERT_EQ(chat.messages.size(), 1u);
  EXPECT_EQ(chat.messages[0].text_parts.front(), "other");
  const TaskId task = generations_.back().id;
  EXPECT_THAT(event(task, messages::Started{3}),
              ElementsAre("response.output_item.added", "response.content_part.added"));
  event(task, messages::ChoiceEnd{0, messages::FinishReason::length, 9, 0});
  EXPECT_THAT(event(task, messages::Finished{}), ElementsAre("response.output_text.done", "response.content_part.done",
                                                             "response.output_item.done", "response.done"));
  EXPECT_EQ(last("response.done", "response.status"), "incomplete");
  EXPECT_EQ(last("response.done", "response.status_details.reason"), "max_output_tokens");
}

TEST_F(Talk, silence_after_an_answer_makes_a_turn_when_it_was_asked_for) {
  send(
      R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","idle_timeout_ms":5000}}}}})");
  EXPECT_FALSE(talk_->alarm());
  spoken_turn();
  const TaskId think = generations_.back().id;
  event(think, messages::Started{3});
  event(think, delta("A long enough sentence."));
  event(think, messages::Finished{});
  event(speeches_.back().id, audio(48000));
  event(speeches_.back().id, messages::Finished{});
  ASSERT_TRUE(talk_->alarm());
  EXPECT_EQ(*talk_->alarm() - clock_.now(), 7s) << "two seconds of it are still to be heard";
  clock_.advance(6s);
  talk_->on_alarm();
  EXPECT_THAT(types(), ElementsAre());
  clock_.advance(1s);
  talk_->on_alarm();
  EXPECT_THAT(types(), ElementsAre("input_audio_buffer.timeout_triggered", "input_audio_buffer.committed",
                                   "conversation.item.added", "conversation.item.done", "response.created"));
  EXPECT_EQ(generations_.size(), 2u);
  EXPECT_FALSE(talk_->alarm());
}

TEST_F(Talk, the_oldest_items_make_room) {
  for (std::size_t i = 0; i < kMostItems; ++i) ask("x");
  EXPECT_THAT(
      send(
          R"({"type":"conversation.item.create","previous_item_id":"root","item":{"type":"message","role":"system","id":"mine","content":[{"type":"input_text","text":"Hi"}]}})"),
      ElementsAre("conversation.item.deleted", "conversation.item.added", "conversation.item.done"));
  EXPECT_EQ(last("conversation.item.added", "previous_item_id"), "null");
  EXPECT_THAT(send(R"({"type":"conversation.item.delete","item_id":"mine"})"),
              ElementsAre("conversation.item.deleted"));
  EXPECT_THAT(send(R"({"type":"conversation.item.delete","item_id":"mine"})"), ElementsAre("error"));
}

TEST_F(Talk, nobody_who_speaks_and_nobody_who_listens_is_said_at_once) {
  begin(false, false);
  ask("Hi");
  send(
      R"({"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad"}}}}})");
  EXPECT_EQ(last("error", "error.code"), "unsupported_parameter");
  EXPECT_THAT(last("error", "error.message"), HasSubstr("zenith pull silero-vad"));
  EXPECT_THAT(send(R"({"type":"response.create","response":{"output_modalities":["audio"]}})"),
              ElementsAre("response.created", "error", "response.done"));
  EXPECT_THAT(last("error", "error.message"), HasSubstr("nothing here speaks"));
  EXPECT_THAT(send(R"({"type":"response.create"})"), ElementsAre("response.created")) << "text is the default then";
}

struct WrongCase {
  const char* name;
  std::string json, code, param;
};
class Wrong : public Talk, public testing::WithParamInterface<WrongCase> {};
TEST_P(Wrong, is_an_error_event_that_names_it) {
  EXPECT_THAT(send(GetParam().json), ElementsAre("error")) << (last_.empty() ? "" : last_.back());
  EXPECT_EQ(last("error", "error.code"), GetParam().code) << last_.back();
  EXPECT_EQ(last("error", "error.param"), GetParam().param) << last_.back();
  EXPECT_EQ(last("error", "error.type"), "invalid_request_error");
  const bool named = GetParam().json.find(R"("event_id":"mine")") != std::string::npos;
  EXPECT_EQ(last("error", "error.event_id"), named ? "mine" : "null");
  EXPECT_THAT(send(R"({"type":"input_audio_buffer.clear"})"), ElementsAre("input_audio_buffer.cleared"));
}
std::string session(const std::string& fields) {
  return R"({"type":"session.update","event_id":"mine","session":{"type":"realtime",)" + fields + "}}";
}
std::string item(const std::string& fields) {
  return R"({"type":"conversation.item.create","item":{"type":"message",)" + fields + "}}";
}
INSTANTIATE_TEST_SUITE_P(
    realtime, Wrong,
    testing::Values(
        WrongCase{"no_json", "{", "invalid_json", "null"}, WrongCase{"a_list", "[]", "invalid_json", "null"},
        WrongCase{"too_deep", std::string(40, '[') + std::string(40, ']'), "invalid_json", "null"},
        WrongCase{"no_type", R"({"event_id":"mine"})", "missing_required_parameter", "type"},
        WrongCase{"an_unknown_event", R"({"type":"session.dance","event_id":"mine"})", "invalid_value", "type"},
        WrongCase{"an_event_of_webrtc", R"({"type":"output_audio_buffer.clear"})", "invalid_value", "type"},
        WrongCase{"a_long_event_id", R"({"type":"x","event_id":")" + std::string(600, 'x') + "\"}",
                  "string_above_max_length", "event_id"},
        WrongCase{"no_session", R"({"type":"session.update"})", "missing_required_parameter", "session"},
        WrongCase{"no_session_type", R"({"type":"session.update","session":{}})", "missing_required_parameter",
                  "session.type"},
        WrongCase{"transcription_session", R"({"type":"session.update","session":{"type":"transcription"}})",
                  "unsupported_parameter", "session.type"},
        WrongCase{"unknown_field", session(R"("modalities":["text"])"), "unknown_parameter", "session.modalities"},
        WrongCase{"tools", session(R"("tools":[{"type":"function","name":"f"}])"), "unsupported_parameter",
                  "session.tools"},
        WrongCase{"tracing", session(R"("tracing":"auto")"), "unsupported_parameter", "session.tracing"},
        WrongCase{"prompt", session(R"("prompt":{"id":"p"})"), "unsupported_parameter", "session.prompt"},
        WrongCase{"both_modalities", session(R"("output_modalities":["text","audio"])"), "invalid_value",
                  "session.output_modalities"},
        WrongCase{"many_tokens", session(R"("max_output_tokens":5000)"), "invalid_value", "session.max_output_tokens"},
        WrongCase{"another_model", session(R"("model":"gpt")"), "invalid_value", "session.model"},
        WrongCase{"a_retention_ratio", session(R"("truncation":{"type":"retention_ratio","retention_ratio":0.5})"),
                  "unsupported_parameter", "session.truncation"},
        WrongCase{"semantic_vad", session(R"("audio":{"input":{"turn_detection":{"type":"semantic_vad"}}})"),
                  "unsupported_parameter", "session.audio.input.turn_detection.type"},
        WrongCase{"threshold", session(R"("audio":{"input":{"turn_detection":{"type":"server_vad","threshold":2}}})"),
                  "invalid_value", "session.audio.input.turn_detection.threshold"},
        WrongCase{"eagerness",
                  session(R"("audio":{"input":{"turn_detection":{"type":"server_vad","eagerness":"low"}}})"),
                  "unknown_parameter", "session.audio.input.turn_detection.eagerness"},
        WrongCase{"noise_reduction", session(R"("audio":{"input":{"noise_reduction":{"type":"near_field"}}})"),
                  "unsupported_parameter", "session.audio.input.noise_reduction"},
        WrongCase{"format", session(R"("audio":{"input":{"format":{"type":"audio/opus"}}})"), "invalid_value",
                  "session.audio.input.format.type"},
        WrongCase{"rate", session(R"("audio":{"output":{"format":{"type":"audio/pcm","rate":16000}}})"),
                  "invalid_value", "session.audio.output.format.rate"},
        WrongCase{"speed", session(R"("audio":{"output":{"speed":1.6}})"), "invalid_value",
                  "session.audio.output.speed"},
        WrongCase{"voice", session(R"("audio":{"output":{"voice":"zoe"}})"), "invalid_value",
                  "session.audio.output.voice"},
        WrongCase{"keywords", session(R"("audio":{"input":{"transcription":{"model":"w","keywords":["a"]}}})"),
                  "unsupported_parameter", "session.audio.input.transcription.keywords"},
        WrongCase{"no_audio", R"({"type":"input_audio_buffer.append"})", "missing_required_parameter", "audio"},
        WrongCase{"bad_base64", R"({"type":"input_audio_buffer.append","audio":"?"})", "invalid_value", "audio"},
        WrongCase{"half_a_sample", R"({"type":"input_audio_buffer.append","audio":"AAAA"})", "invalid_value", "audio"},
        WrongCase{
            "too_long_an_append",
            R"({"type":"input_audio_buffer.append","audio":")" + std::string((15u << 20) / 3 * 4 + 4, 'A') + "\"}",
            "string_above_max_length", "audio"},
        WrongCase{"no_item", R"({"type":"conversation.item.create"})", "missing_required_parameter", "item"},
        WrongCase{
            "a_function_call",
            R"({"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c","output":"o"}})",
            "unsupported_parameter", "item.type"},
        WrongCase{"no_role", item(R"("content":[])"), "missing_required_parameter", "item.role"},
        WrongCase{"no_content", item(R"("role":"user","content":[])"), "missing_required_parameter", "item.content"},
        WrongCase{"an_image", item(R"("role":"user","content":[{"type":"input_image","image_url":"x"}])"),
                  "unsupported_parameter", "item.content[0].type"},
        WrongCase{"an_answer_of_the_user", item(R"("role":"user","content":[{"type":"output_text","text":"x"}])"),
                  "invalid_value", "item.content[0].type"},
        WrongCase{
            "audio_that_is_none",
            item(
                R"("role":"user","content":[{"type":"input_audio","audio":"AAA="},{"type":"input_audio","audio":"x"}])"),
            "invalid_value", "item.content[1].audio"},
        WrongCase{
            "nothing_before",
            R"({"type":"conversation.item.create","previous_item_id":"nobody","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}})",
            "item_not_found", "previous_item_id"},
        WrongCase{"nobody_to_retrieve", R"({"type":"conversation.item.retrieve","item_id":"nobody"})", "item_not_found",
                  "item_id"},
        WrongCase{"nobody_to_truncate",
                  R"({"type":"conversation.item.truncate","item_id":"nobody","content_index":0,"audio_end_ms":0})",
                  "item_not_found", "item_id"},
        WrongCase{"a_negative_end",
                  R"({"type":"conversation.item.truncate","item_id":"nobody","content_index":0,"audio_end_ms":-1})",
                  "invalid_value", "audio_end_ms"},
        WrongCase{"nobody_to_refer_to",
                  R"({"type":"response.create","response":{"input":[{"type":"item_reference","id":"nobody"}]}})",
                  "item_not_found", "response.input[0].id"},
        WrongCase{"a_beta_field", R"({"type":"response.create","response":{"modalities":["text"]}})",
                  "unknown_parameter", "response.modalities"},
        WrongCase{"metadata", R"({"type":"response.create","response":{"metadata":{"a":1}}})", "invalid_value",
                  "response.metadata"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST_F(Talk, a_wrong_update_changes_nothing) {
  send(session(R"("instructions":"new","audio":{"output":{"voice":"amy","speed":9}})"));
  EXPECT_THAT(send(session(R"("truncation":"auto")")), ElementsAre("session.updated"));
  EXPECT_EQ(last("session.updated", "session.instructions"), "");
  EXPECT_EQ(last("session.updated", "session.audio.output.voice"), "joe");
  send(session(R"("instructions":"new","audio":{"output":{"voice":"amy","format":{"type":"audio/pcmu"}}})"));
  EXPECT_EQ(last("session.updated", "session.audio.output.voice"), "amy");
  EXPECT_EQ(last("session.updated", "session.audio.output.format.type"), "audio/pcmu");
}

TEST_F(Talk, sound_beyond_the_servers_bound_is_refused) {
  room_ = 100;
  EXPECT_THAT(hear("#"), ElementsAre("error"));
  EXPECT_EQ(last("error", "error.code"), "overloaded");
}

TEST_F(Talk, a_second_response_is_refused_and_the_first_goes_on) {
  ask("Hi");
  send(R"({"type":"response.create"})");
  EXPECT_THAT(send(R"({"type":"response.create"})"), ElementsAre("error"));
  EXPECT_EQ(last("error", "error.code"), "conversation_already_has_active_response");
  EXPECT_THAT(event(generations_[0].id, messages::Started{1}), testing::Contains("response.output_item.added"));
}

}  // namespace
}  // namespace zenith::gateway::realtime
