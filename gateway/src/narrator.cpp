#include "narrator.hpp"

#include <algorithm>

namespace zenith::gateway {
namespace {

constexpr std::size_t kLongestSound = 12'000;  // samples of one: half a second

bool nothing_to_say(const Error& error) {
  return error.param == "input" && (error.code == Errc::invalid_argument || error.code == Errc::unsupported);
}

}  // namespace

void Narrator::add(std::string_view text) {
  if (!by_sentence()) {
    whole_ += text;
    return;
  }
  for (auto& piece : cutter_.add(text)) pieces_.push_back(std::move(piece.text));
  pump();
}

void Narrator::text_over() {
  if (std::exchange(text_over_, true)) return;
  if (by_sentence()) {
    for (auto& piece : cutter_.finish()) pieces_.push_back(std::move(piece.text));
  } else if (!whole_.empty()) {
    pieces_.push_back(std::move(whole_));
  }
  pump();
  flush_if_done();
}

void Narrator::pump() {
  while (open_.size() < kAhead && !pieces_.empty()) {
    begin(std::move(pieces_.front()));
    pieces_.pop_front();
  }
}

void Narrator::begin(std::string input) {
  Begin out{++tasks_, {}};
  out.request.model = model_;
  out.request.voice = voice_;
  out.request.input = std::move(input);
  out.request.credit_events = kCredit;
  out.request.format = made_as(format_);
  open_.push_back({out.task});
  begins_.push_back(std::move(out));
}

void Narrator::on_event(Task task, messages::Event event) {
  const auto voicing = std::find_if(open_.begin(), open_.end(), [&](const Voicing& v) { return v.task == task; });
  if (voicing == open_.end() || failed_) return;
  if (voicing != open_.begin()) {
    voicing->held.push_back(std::move(event));
    return;
  }
  heard(std::move(event));
}

void Narrator::heard(messages::Event event) {
  if (const auto* audio = std::get_if<messages::Audio>(&event)) return sound(*audio);
  if (auto* file = std::get_if<messages::AudioBytes>(&event)) {
    sounds_.push_back({{file->bytes.begin(), file->bytes.end()}, open_.front().task});
    return;
  }
  if (auto* error = std::get_if<Error>(&event); error != nullptr && !nothing_to_say(*error)) {
    open_.pop_front();
    failed_ = std::move(*error);
    return;
  }
  if (messages::is_last(event)) next();
}

void Narrator::next() {
  open_.pop_front();
  pump();
  if (!open_.empty()) {
    const Task task = open_.front().task;
    for (auto& event : std::exchange(open_.front().held, {})) on_event(task, std::move(event));
  }
  flush_if_done();
}

void Narrator::flush_if_done() {
  if (!done() || !resampler_) return;
  std::vector<std::int16_t> rest;
  resampler_->finish(rest);
  resampler_.reset();
  if (!rest.empty()) sounds_.push_back({realtime::encode(realtime::Encoding::pcm, rest), 0});
}

void Narrator::sound(const messages::Audio& audio) {
  if (!resampler_ || from_rate_ != audio.sample_rate) {
    resampler_.emplace(audio.sample_rate, kRate);
    from_rate_ = audio.sample_rate;
  }
  std::vector<std::int16_t> samples;
  resampler_->push(audio.samples, samples);
  const std::span<const std::int16_t> all{samples};
  for (std::size_t at = 0; at < all.size(); at += kLongestSound) {
    const auto piece = all.subspan(at, std::min(kLongestSound, all.size() - at));
    sounds_.push_back({realtime::encode(realtime::Encoding::pcm, piece), 0});
  }
  if (samples.empty()) sounds_.emplace_back();
  sounds_.back().credit = open_.front().task;
}

std::vector<Narrator::Task> Narrator::open() const {
  std::vector<Task> out;
  for (const auto& voicing : open_) out.push_back(voicing.task);
  return out;
}

}  // namespace zenith::gateway
