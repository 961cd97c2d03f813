// What the client says: turns, transcriptions, silence.
#include <fmt/format.h>

#include <algorithm>

#include "realtime/conversation.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::gateway::realtime {
namespace {

std::int64_t ms_of(std::uint64_t samples) { return static_cast<std::int64_t>(samples * 1000 / InputAudio::kRate); }

}  // namespace

Read<void> Conversation::audio_append(const Node& event) {
  if (auto ok = event.only({"type", "event_id", "audio"}); !ok) return ok;
  const auto* audio = event.member("audio");
  const auto* coded = audio != nullptr ? std::get_if<std::string>(&audio->data) : nullptr;
  if (coded == nullptr) return missing("audio");
  if (coded->size() > InputAudio::kMostAppend / 3 * 4) {
    return wrong("string_above_max_length", "audio: has more than 15 MiB of sound: append it in smaller pieces",
                 "audio");
  }
  auto bytes = base64_decode(*coded);
  if (!bytes) return wrong("invalid_value", "audio: is not base64 (RFC 4648, with padding)", "audio");
  if (bytes->size() % sample_bytes(config_.input) != 0) {
    return wrong("invalid_value",
                 fmt::format("audio: has {} bytes, not whole samples of {} bytes each", bytes->size(),
                             sample_bytes(config_.input)),
                 "audio");
  }
  if (input_.full() && !config_.vad)
    return wrong("input_audio_buffer_full", "the buffer holds ten minutes: commit or clear it", "audio");
  if (!setup_.room(bytes->size()))
    return wrong("overloaded", "the server holds as much sound as it may: commit or clear buffers, or retry later",
                 "audio");
  if (!input_.append(config_.input, std::move(*bytes)))
    return wrong("input_audio_buffer_full", "too much waits to be heard: append more slowly", "audio");
  return {};
}

bool Conversation::hear() {
  if (!input_.pending()) return false;
  input_.hear(config_.vad ? &*config_.vad : nullptr, [this](Edge edge, std::uint64_t at) { on_edge(edge, at); });
  if (input_.full() && input_.speaking()) on_edge(Edge::stopped, input_.end());  // a turn of ten minutes
  return input_.pending();
}

void Conversation::on_edge(Edge edge, std::uint64_t at) {
  switch (edge) {
    case Edge::none: return;
    case Edge::started: return on_speech_started();
    case Edge::paused: return guess_end(at);
    case Edge::resumed: return drop_guess();
    case Edge::stopped: return on_speech_stopped(at);
  }
}

void Conversation::on_speech_started() {
  idle_at_.reset();
  turn_item_ = next_id("item");
  say("input_audio_buffer.speech_started",
      [&](JsonWriter& w) { w.key("audio_start_ms").integer(ms_of(input_.begin())).key("item_id").string(turn_item_); });
  if (config_.vad->interrupt_response && response_ && response_->in_conversation)
    end_response("cancelled", "turn_detected", nullptr);
}

// A pause may be the end of the turn: its words are then there when the silence has been long enough. Each pause hears
// all of the turn again, which a long one with many pauses would make the server's only work.
void Conversation::guess_end(std::uint64_t at) {
  drop_guess();
  const auto ms = ms_of(at - input_.begin());
  if (transcriptions_.size() >= kMostTranscriptions || ms < kLeastTurnMs || ms > kLongestGuessMs) return;
  auto begin = transcription_of(input_.peek(at));
  guess_ = Guess{{begin.id, begin.model, begin.language, {}}, {}};
  effects_.emplace_back(std::move(begin));
}

void Conversation::drop_guess() {
  if (!guess_) return;
  effects_.emplace_back(Cancel{guess_->begun.id});
  guess_.reset();
}

/// @returns whether the turn that ends now gets its words from the pause it ended with.
bool Conversation::keep_guess(const Item& item, std::size_t samples) {
  if (!guess_) return false;
  const auto now = config_.transcription.value_or(TranscriptionConfig{});
  const bool failed = !guess_->said.empty() && std::holds_alternative<Error>(guess_->said.back());
  if (failed || guess_->begun.model != now.model || guess_->begun.language != now.language) return false;
  const auto guess = std::move(*guess_);
  guess_.reset();
  transcriptions_.emplace(
      guess.begun.id,
      Listening{item.id, static_cast<double>(samples) / InputAudio::kRate, {}, config_.transcription.has_value()});
  for (const auto& event : guess.said) on_transcript(guess.begun.id, event);
  return true;
}

void Conversation::on_speech_stopped(std::uint64_t at) {
  const std::string item = std::exchange(turn_item_, {});
  say("input_audio_buffer.speech_stopped",
      [&](JsonWriter& w) { w.key("audio_end_ms").integer(ms_of(at)).key("item_id").string(item); });
  const bool answer = config_.vad->create_response;
  auto ok = commit(at, item);
  drop_guess();
  if (ok && answer) {
    Response r;
    r.output = config_.output;
    ok = begin_response(std::move(r));
  }
  if (!ok) say_error(ok.error(), {});
}

Read<void> Conversation::audio_commit(const Node& event) {
  if (auto ok = event.only({"type", "event_id"}); !ok) return ok;
  while (hear()) {
  }
  drop_guess();  // there is more sound than it heard
  return commit(input_.end(), std::exchange(turn_item_, {}));
}

Read<void> Conversation::audio_clear(const Node& event) {
  if (auto ok = event.only({"type", "event_id"}); !ok) return ok;
  input_.clear();
  drop_guess();
  turn_item_.clear();
  say("input_audio_buffer.cleared", [](JsonWriter&) {});
  return {};
}

Read<void> Conversation::commit(std::uint64_t until, std::string item_id) {
  const auto ms = ms_of(until - input_.begin());
  if (ms < kLeastTurnMs) {
    return wrong("input_audio_buffer_commit_empty",
                 fmt::format("the buffer has {} ms of audio, at least {} are needed", ms, kLeastTurnMs));
  }
  if (transcriptions_.size() >= kMostTranscriptions)
    return wrong("overloaded", fmt::format("{} transcriptions are open, the limit", transcriptions_.size()));
  idle_at_.reset();
  Item item;
  item.id = item_id.empty() ? next_id("item") : std::move(item_id);
  item.role = "user";
  item.parts.push_back({PartKind::input_audio, {}, true, false});
  auto samples = input_.take(until);
  make_room(0);
  const std::string previous = items_.empty() ? std::string{} : items_.back().id;
  say("input_audio_buffer.committed", [&](JsonWriter& w) {
    w.key("previous_item_id");
    if (previous.empty()) {
      w.null();
    } else {
      w.string(previous);
    }
    w.key("item_id").string(item.id);
  });
  const Item copy = item;
  add_item(std::move(item), items_.size());
  if (!keep_guess(copy, samples.size())) transcribe(copy, std::move(samples));
  return {};
}

BeginTranscription Conversation::transcription_of(std::vector<std::int16_t> samples) {
  BeginTranscription begin{++tasks_, {}, {}, std::move(samples)};
  if (config_.transcription) {
    begin.model = config_.transcription->model;
    begin.language = config_.transcription->language;
  }
  return begin;
}

void Conversation::transcribe(const Item& item, std::vector<std::int16_t> samples) {
  Listening listening{
      item.id, static_cast<double>(samples.size()) / InputAudio::kRate, {}, config_.transcription.has_value()};
  auto begin = transcription_of(std::move(samples));
  transcriptions_.emplace(begin.id, std::move(listening));
  effects_.emplace_back(std::move(begin));
}

Part* Conversation::audio_part(const std::string& item_id) {
  const auto item = find_item(item_id);
  if (item == items_.end()) return nullptr;
  const auto part = std::find_if(item->parts.begin(), item->parts.end(),
                                 [](const Part& p) { return p.kind == PartKind::input_audio; });
  return part == item->parts.end() ? nullptr : &*part;
}

void Conversation::on_transcript(TaskId task, TranscriptEvent event) {
  if (guess_ && task == guess_->begun.id) {
    guess_->said.push_back(std::move(event));
    return;
  }
  const auto found = transcriptions_.find(task);
  if (found == transcriptions_.end()) return;
  Listening& l = found->second;
  const auto item_id = l.item_id;
  const auto place_of = [&](JsonWriter& w) { w.key("item_id").string(item_id).key("content_index").integer(0); };
  if (const auto* heard = std::get_if<Heard>(&event)) {
    l.text += heard->text;
    if (l.text.size() > kMostText) {
      effects_.emplace_back(Cancel{task});
      return on_transcript(task, Error{Errc::internal, "the transcript is longer than an item may be", {}, {}});
    }
    if (l.tell && !heard->text.empty()) {
      say("conversation.item.input_audio_transcription.delta", [&](JsonWriter& w) {
        place_of(w);
        w.key("delta").string(utf8_lossy(heard->text));
      });
    }
    return;
  }
  const Listening was = std::move(l);
  transcriptions_.erase(found);
  Part* part = audio_part(item_id);
  if (part == nullptr) return;
  part->transcript_pending = false;
  if (const auto* done = std::get_if<Transcribed>(&event)) {
    part->text = utf8_lossy(done->text.substr(0, kMostText));
    if (was.tell) {
      say("conversation.item.input_audio_transcription.completed", [&](JsonWriter& w) {
        place_of(w);
        w.key("transcript").string(part->text).key("usage").begin_object().key("type").string("duration");
        w.key("seconds").number(was.seconds).end_object();
      });
    }
    return think_when_ready();
  }
  const auto& error = std::get<Error>(event);
  part->transcript_failed = true;
  const auto problem = problem_of(error);
  if (!was.tell && !response_) say_error(problem, {});
  if (was.tell) {
    say("conversation.item.input_audio_transcription.failed", [&](JsonWriter& w) {
      place_of(w);
      w.key("error").begin_object().key("type").string(problem.type).key("code").string(problem.code);
      w.key("message").string(utf8_lossy(problem.message)).key("param").null().end_object();
    });
  }
  if (response_ && !response_->thinking) fail_response(error);
}

void Conversation::set_idle_alarm(Instant heard_to_the_end) {
  idle_at_.reset();
  if (!config_.vad || !config_.vad->idle_ms || input_.speaking()) return;
  idle_at_ = std::max(heard_to_the_end, setup_.clock->now()) + std::chrono::milliseconds(*config_.vad->idle_ms);
}

void Conversation::on_alarm() {
  if (!idle_at_ || setup_.clock->now() < *idle_at_) return;
  idle_at_.reset();
  if (response_ || input_.speaking() || !config_.vad) return;
  Item item;
  item.id = next_id("item");
  item.role = "user";
  item.parts.push_back({PartKind::input_audio, "(silence)", false, false});
  const auto begin = ms_of(input_.begin()), end = ms_of(input_.end());
  input_.take(input_.end());
  say("input_audio_buffer.timeout_triggered", [&](JsonWriter& w) {
    w.key("audio_start_ms").integer(begin).key("audio_end_ms").integer(end).key("item_id").string(item.id);
  });
  make_room(0);
  const std::string previous = items_.empty() ? std::string{} : items_.back().id;
  say("input_audio_buffer.committed", [&](JsonWriter& w) {
    w.key("previous_item_id");
    if (previous.empty()) {
      w.null();
    } else {
      w.string(previous);
    }
    w.key("item_id").string(item.id);
  });
  add_item(std::move(item), items_.size());
  Response r;
  r.output = config_.output;
  if (auto ok = begin_response(std::move(r)); !ok) say_error(ok.error(), {});
}

}  // namespace zenith::gateway::realtime
