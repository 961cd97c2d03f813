// A response: think, and speak sentence by sentence while thinking goes on.
#include <fmt/format.h>

#include <algorithm>

#include "api/members.hpp"
#include "http/error_body.hpp"
#include "realtime/conversation.hpp"

namespace zenith::gateway::realtime {
namespace {

constexpr std::uint32_t kSpeechCredit = 4;     ///< events of one sentence on the way
constexpr std::size_t kLongestDelta = 12'000;  ///< samples of one output_audio.delta: half a second of PCM

bool pending(const Item& item) {
  return std::any_of(item.parts.begin(), item.parts.end(), [](const Part& p) { return p.transcript_pending; });
}

bool nothing_to_say(const Error& error) {
  return error.param == "input" && (error.code == Errc::invalid_argument || error.code == Errc::unsupported);
}

}  // namespace

Read<void> Conversation::begin_response(Response r) {
  if (response_) {
    return wrong("conversation_already_has_active_response",
                 fmt::format("{} is in progress: wait for its response.done or send response.cancel", response_->id));
  }
  idle_at_.reset();
  r.id = next_id("resp");
  r.item.id = next_id("item");
  r.item.role = "assistant";
  r.item.status = ItemStatus::in_progress;
  r.item.in_conversation = r.in_conversation;
  r.item.parts.push_back({r.output.audio ? PartKind::output_audio : PartKind::output_text, {}, false, false});
  response_ = std::move(r);
  effects_.emplace_back(ResponseBegan{});
  say_response("response.created", "in_progress", {}, nullptr);
  if (const auto ok = setup_.admit(); !ok) {
    fail_response(ok.error());
    return {};
  }
  if (response_->output.audio) {
    const auto voice = find_voice(setup_.snapshot(), response_->output.voice);
    if (!voice) {
      fail_response(voice.error());
      return {};
    }
    response_->voice_model = voice->model;
    response_->voice = voice->name;
  }
  think_when_ready();
  return {};
}

void Conversation::think_when_ready() {
  if (!response_ || response_->thinking) return;
  const auto& items = response_->input ? *response_->input : items_;
  // An item that is referred to is copied while its transcript may still be on the way.
  if (response_->input) {
    for (auto& item : *response_->input) {
      const auto now = find_item(item.id);
      if (pending(item) && now != items_.end()) item = *now;
    }
  }
  if (std::any_of(items.begin(), items.end(), pending)) return;
  const auto last = std::find_if(items.rbegin(), items.rend(), [](const Item& i) { return i.role == "user"; });
  if (last != items.rend() && last->parts.front().transcript_failed) {
    return fail_response(
        {Errc::unavailable, fmt::format("the audio of {} could not be transcribed", last->id), {}, {}});
  }
  const bool nothing =
      last == items.rbegin() && last != items.rend() &&
      std::all_of(last->parts.begin(), last->parts.end(), [](const Part& p) {
        return p.kind == PartKind::input_audio && p.text.find_first_not_of(" \n\t") == std::string::npos;
      });
  response_->thinking = true;
  if (nothing) return end_response("completed", {}, nullptr);  // noise: there is nothing to answer
  generate();
}

messages::Chat Conversation::prompt_of(const Response& r) const {
  messages::Chat chat;
  const auto& items = r.input ? *r.input : items_;
  std::vector<messages::ChatMessage> said;
  for (const auto& item : items) {
    messages::ChatMessage message;
    message.role = item.role;
    for (const auto& part : item.parts) {
      if (!part.text.empty()) message.text_parts.push_back(part.text);
    }
    if (!message.text_parts.empty() && item.status != ItemStatus::in_progress) said.push_back(std::move(message));
  }
  if (!r.output.instructions.empty()) chat.messages.push_back({"system", {r.output.instructions}, {}, {}});
  const auto skipped = static_cast<std::ptrdiff_t>(std::min(r.left_out, said.size()));
  std::move(said.begin() + skipped, said.end(), std::back_inserter(chat.messages));
  return chat;
}

void Conversation::generate() {
  Response& r = *response_;
  BeginGeneration begin{r.generation = ++tasks_, {}};
  begin.request.model = setup_.model;
  begin.request.max_tokens = r.output.max_tokens;
  auto chat = prompt_of(r);
  if (chat.messages.empty()) {
    return fail_response({Errc::invalid_argument, "there is nothing to answer: no item and no instructions", {}, {}});
  }
  begin.request.prompt = std::move(chat);
  effects_.emplace_back(std::move(begin));
}

bool Conversation::speaks(TaskId task) const noexcept {
  if (!response_) return false;
  const auto& voices = response_->voices;
  return std::any_of(voices.begin(), voices.end(), [&](const Voicing& voice) { return voice.task == task; });
}

void Conversation::on_event(TaskId task, messages::Event event) {
  if (!response_) return;
  Response& r = *response_;
  if (task == r.generation && !r.generation_over) return on_generation(std::move(event));
  for (auto& voice : r.voices) {
    if (voice.task != task) continue;
    if (&voice != &r.voices.front()) {
      voice.held.push_back(std::move(event));
      return;
    }
    return on_speech(std::move(event));
  }
}

void Conversation::on_generation(messages::Event event) {
  Response& r = *response_;
  if (const auto* error = std::get_if<Error>(&event)) {
    r.generation_over = true;
    const auto said = prompt_of(r).messages.size();
    const bool instructed = !r.output.instructions.empty();
    if (error->code == Errc::context_overflow && config_.truncate && said > (instructed ? 2U : 1U)) {
      r.left_out += std::max<std::size_t>(1, (said - (instructed ? 1 : 0)) / 2);
      r.generation_over = false;
      return generate();
    }
    return fail_response(*error);
  }
  if (const auto* started = std::get_if<messages::Started>(&event)) {
    r.usage.prompt_tokens = started->prompt_tokens;
    add_response_item();
    effects_.emplace_back(Grant{r.generation});
  } else if (const auto* delta = std::get_if<messages::Delta>(&event)) {
    on_delta(*delta);
  } else if (const auto* end = std::get_if<messages::ChoiceEnd>(&event)) {
    r.cut_short = end->reason == messages::FinishReason::length;
    effects_.emplace_back(Grant{r.generation});
  } else if (const auto* finished = std::get_if<messages::Finished>(&event)) {
    r.usage = finished->usage;
    r.generation_over = true;
    add_response_item();
    if (r.output.audio) {
      for (auto& piece : r.cutter.finish()) r.pieces.push_back(std::move(piece));
      pump_speech();
    }
    finish_if_done();
  }
}

void Conversation::add_response_item() {
  Response& r = *response_;
  if (std::exchange(r.item_added, true)) return;
  say("response.output_item.added", [&](JsonWriter& w) {
    w.key("response_id").string(r.id).key("output_index").integer(0).key("item");
    Item empty = r.item;
    empty.parts.clear();
    write_item(w, empty);
  });
  if (r.in_conversation) {
    Item empty = r.item;
    empty.parts.clear();
    add_item(std::move(empty), items_.size(), false);
  }
  say("response.content_part.added", [&](JsonWriter& w) {
    place(w);
    write_part(w);
  });
}

void Conversation::on_delta(const messages::Delta& delta) {
  Response& r = *response_;
  r.usage.completion_tokens += static_cast<std::uint32_t>(std::max<std::size_t>(1, delta.tokens.size()));
  if (delta.content.empty()) {
    effects_.emplace_back(Grant{r.generation});
    return;
  }
  r.item.parts.front().text += delta.content;
  say(
      r.output.audio ? "response.output_audio_transcript.delta" : "response.output_text.delta",
      [&](JsonWriter& w) {
        place(w);
        w.key("delta").string(delta.content);
      },
      false, r.generation);
  if (!r.output.audio) return;
  for (auto& piece : r.cutter.add(delta.content)) r.pieces.push_back(std::move(piece));
  pump_speech();
}

void Conversation::pump_speech() {
  Response& r = *response_;
  while (r.voices.size() < kVoicesAhead && !r.pieces.empty()) {
    auto piece = std::move(r.pieces.front());
    r.pieces.pop_front();
    BeginSpeech begin{++tasks_, {}};
    begin.request.model = r.voice_model;
    begin.request.voice = r.voice;
    begin.request.speed = config_.speed;
    begin.request.input = std::move(piece.text);
    begin.request.credit_events = kSpeechCredit;
    r.voices.push_back({begin.id, piece.text_end});
    effects_.emplace_back(std::move(begin));
  }
}

void Conversation::on_speech(messages::Event event) {
  if (const auto* audio = std::get_if<messages::Audio>(&event)) return on_audio(*audio);
  if (const auto* error = std::get_if<Error>(&event)) {
    if (!nothing_to_say(*error)) {
      response_->voices.pop_front();
      return fail_response(*error);
    }
    return next_voice();
  }
  if (std::holds_alternative<messages::Finished>(event)) next_voice();
}

void Conversation::next_voice() {
  Response& r = *response_;
  const std::uint64_t ms = r.samples * 1000 / rate_of(r.output.encoding);
  r.item.spoken.push_back({r.voices.front().text_end, ms});
  r.voices.pop_front();
  pump_speech();
  if (!r.voices.empty()) {
    const auto held = std::exchange(r.voices.front().held, {});
    const std::string id = r.id;
    for (auto event : held) {
      if (!response_ || response_->id != id) return;
      on_speech(std::move(event));
    }
  }
  finish_if_done();
}

void Conversation::on_audio(const messages::Audio& audio) {
  Response& r = *response_;
  const TaskId task = r.voices.front().task;
  if (!r.resampler || r.from_rate != audio.sample_rate) {
    r.resampler.emplace(audio.sample_rate, rate_of(r.output.encoding));
    r.from_rate = audio.sample_rate;
  }
  if (!r.first_audio) r.first_audio = setup_.clock->now();
  std::vector<std::int16_t> samples;
  r.resampler->push(audio.samples, samples);
  say_audio(std::move(samples), task);
}

void Conversation::say_audio(std::vector<std::int16_t> samples, TaskId credit) {
  Response& r = *response_;
  if (samples.empty() && credit != 0) effects_.emplace_back(Grant{credit});
  r.samples += samples.size();
  for (std::size_t at = 0; at < samples.size(); at += kLongestDelta) {
    const auto piece = std::span<const std::int16_t>{samples}.subspan(at, std::min(kLongestDelta, samples.size() - at));
    say(
        "response.output_audio.delta",
        [&](JsonWriter& w) {
          place(w);
          w.key("delta").string(base64(encode(r.output.encoding, piece)));
        },
        true, at + kLongestDelta >= samples.size() ? credit : 0);
  }
}

void Conversation::finish_if_done() {
  if (!response_) return;
  Response& r = *response_;
  if (!r.generation_over || !r.pieces.empty() || !r.voices.empty()) return;
  if (r.resampler) {
    std::vector<std::int16_t> rest;
    r.resampler->finish(rest);
    say_audio(std::move(rest), 0);
    if (!r.item.spoken.empty()) r.item.spoken.back().audio_ms = r.samples * 1000 / rate_of(r.output.encoding);
  }
  if (r.cut_short) return end_response("incomplete", "max_output_tokens", nullptr);
  end_response("completed", {}, nullptr);
}

void Conversation::fail_response(const Error& why) {
  if (!response_) return;
  say_error(problem_of(why), {});
  end_response("failed", {}, &why);
}

void Conversation::end_response(std::string_view status, std::string_view reason, const Error* error) {
  Response& r = *response_;
  if (r.generation != 0 && !r.generation_over) effects_.emplace_back(Cancel{r.generation});
  for (const auto& voice : r.voices) effects_.emplace_back(Cancel{voice.task});
  const bool whole = status == "completed";
  if (status == "cancelled") effects_.emplace_back(DropAudio{});
  r.item.status = whole ? ItemStatus::completed : ItemStatus::incomplete;
  if (r.item_added) {
    const auto& text = r.item.parts.front().text;
    if (!whole && r.output.audio) r.item.spoken.push_back({text.size(), r.samples * 1000 / rate_of(r.output.encoding)});
    if (r.output.audio) {
      say("response.output_audio.done", [&](JsonWriter& w) { place(w); });
      say("response.output_audio_transcript.done", [&](JsonWriter& w) {
        place(w);
        w.key("transcript").string(text);
      });
    } else {
      say("response.output_text.done", [&](JsonWriter& w) {
        place(w);
        w.key("text").string(text);
      });
    }
    say("response.content_part.done", [&](JsonWriter& w) {
      place(w);
      write_part(w);
    });
    say("response.output_item.done", [&](JsonWriter& w) {
      w.key("response_id").string(r.id).key("output_index").integer(0).key("item");
      write_item(w, r.item);
    });
    const auto item = find_item(r.item.id);
    if (item != items_.end()) {
      *item = r.item;
      const std::string previous = item == items_.begin() ? std::string{} : std::prev(item)->id;
      say_item("conversation.item.done", *item, &previous);
    }
  }
  say_response("response.done", status, reason, error);
  const auto audio_time = std::chrono::milliseconds(r.samples * 1000 / rate_of(r.output.encoding));
  const Instant heard = r.first_audio.value_or(setup_.clock->now()) + audio_time;
  ResponseEnded ended;
  ended.tokens = std::uint64_t{r.usage.prompt_tokens} + r.usage.completion_tokens;
  ended.http_status = error != nullptr ? to_http_status(error->code) : status == "cancelled" ? 499 : 200;
  effects_.emplace_back(ended);
  response_.reset();
  if (status != "cancelled") set_idle_alarm(heard);
}

}  // namespace zenith::gateway::realtime
