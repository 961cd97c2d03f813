#include "zenith/services/voice/voice_core.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "zenith/core/utf8.hpp"
#include "zenith/services/voice/sentences.hpp"

namespace zenith::services {
namespace {

constexpr std::size_t kPiece = 16384;  // samples of one event: 0.7 s at 22 kHz
static_assert(kPiece <= messages::kMostSamples);

template <class T>
std::vector<std::span<const T>> parts_of(std::span<const T> all, std::size_t most) {
  std::vector<std::span<const T>> out;
  for (std::size_t at = 0; at < all.size(); at += most) out.push_back(all.subspan(at, std::min(most, all.size() - at)));
  return out;
}

double milliseconds(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

}  // namespace

std::optional<Error> VoiceCore::refusal(const messages::Speak& request) const {
  if (request.input.size() > kMostCharacters) {
    return Error{
        Errc::invalid_argument,
        fmt::format("input: has {} bytes, at most {} are spoken at once", request.input.size(), kMostCharacters),
        "input",
        {}};
  }
  if (!utf8_valid(request.input)) return Error{Errc::invalid_argument, "input: is not UTF-8", "input", {}};
  const auto& voices = info_.voices;
  if (!request.voice.empty() && std::find(voices.begin(), voices.end(), request.voice) == voices.end()) {
    return Error{Errc::invalid_argument,
                 fmt::format("voice: '{}' is unknown; the model's voices: {}", request.voice, fmt::join(voices, ", ")),
                 "voice",
                 {}};
  }
  if (!(request.speed >= 0.25F && request.speed <= 4)) {
    return Error{Errc::invalid_argument, "speed: must be from 0.25 to 4", "speed", {}};
  }
  if (lines_.size() >= queue_) {
    return Error{Errc::overloaded,
                 fmt::format("{} requests for speech are open, the limit: retry later", lines_.size()),
                 {},
                 std::chrono::seconds(2)};
  }
  return std::nullopt;
}

void VoiceCore::arrive(const messages::Speak& request, Instant now) {
  last_now_ = now;
  const RequestId id = request.header.id;
  if (auto why = refusal(request)) {
    events_.emplace_back(id, std::move(*why));
    return;
  }
  auto list = sentences(request.input);
  if (list.empty()) {
    events_.emplace_back(id, Error{Errc::invalid_argument, "input: holds nothing to say", "input", {}});
    return;
  }
  Line line;
  line.id = id;
  line.voice = request.voice.empty() ? info_.voices.front() : request.voice;
  line.speed = request.speed;
  line.sentences.assign(std::make_move_iterator(list.begin()), std::make_move_iterator(list.end()));
  line.credit = request.credit_events;
  line.arrived = now;
  lines_.push_back(std::move(line));
}

VoiceCore::Line* VoiceCore::find(RequestId id) {
  const auto it = std::find_if(lines_.begin(), lines_.end(), [&](const Line& l) { return l.id == id; });
  return it == lines_.end() ? nullptr : &*it;
}

void VoiceCore::grant(RequestId id, std::uint32_t events) {
  Line* line = find(id);
  if (line == nullptr) return;
  line->credit += events;
  send(*line);
  finish_if_done(id, last_now_);
}

void VoiceCore::cancel(RequestId id) {
  std::erase_if(lines_, [&](const Line& l) { return l.id == id; });
}

std::optional<SpeechJob> VoiceCore::next_job() {
  if (busy_) return std::nullopt;
  const auto it = std::find_if(lines_.begin(), lines_.end(),
                               [](const Line& l) { return !l.sentences.empty() && l.pieces.empty() && l.credit > 0; });
  if (it == lines_.end()) return std::nullopt;
  Line line = std::move(*it);
  lines_.erase(it);
  SpeechJob job{line.id, std::move(line.sentences.front()), line.voice, line.speed};
  line.sentences.pop_front();
  job.last = line.sentences.empty();
  line.making = true;
  if (!line.started) line.started = last_now_;
  lines_.push_back(std::move(line));  // behind the others
  busy_ = true;
  return job;
}

void VoiceCore::samples(RequestId id, std::vector<std::int16_t> samples) {
  std::vector<messages::Event> out;
  for (const auto part : parts_of<std::int16_t>(samples, kPiece)) {
    out.emplace_back(messages::Audio{info_.sample_rate, {part.begin(), part.end()}});
  }
  keep(id, std::move(out));
}

void VoiceCore::bytes(RequestId id, std::vector<std::uint8_t> bytes) {
  std::vector<messages::Event> out;
  for (const auto part : parts_of<std::uint8_t>(bytes, messages::kMostAudioBytes)) {
    out.emplace_back(messages::AudioBytes{{part.begin(), part.end()}});
  }
  keep(id, std::move(out));
}

void VoiceCore::keep(RequestId id, std::vector<messages::Event> pieces) {
  Line* line = find(id);
  if (line == nullptr || pieces.empty()) return;
  line->spoke = true;
  line->pieces.insert(line->pieces.end(), std::make_move_iterator(pieces.begin()),
                      std::make_move_iterator(pieces.end()));
  send(*line);
}

void VoiceCore::job_done(RequestId id, const Status& result, Instant now) {
  last_now_ = now;
  busy_ = false;
  Line* line = find(id);
  if (line == nullptr) return;
  line->making = false;
  if (!result && result.error().code != Errc::unsupported) {
    events_.emplace_back(id, result.error());
    return cancel(id);
  }
  if (!result) line->unspoken = result.error();
  finish_if_done(id, now);
}

void VoiceCore::send(Line& line) {
  while (line.credit > 0 && !line.pieces.empty()) {
    events_.emplace_back(line.id, std::move(line.pieces.front()));
    line.pieces.pop_front();
    --line.credit;
  }
}

void VoiceCore::finish_if_done(RequestId id, Instant now) {
  const Line* line = find(id);
  if (line == nullptr || line->making || !line->sentences.empty() || !line->pieces.empty()) return;
  if (!line->spoke && line->unspoken) {
    events_.emplace_back(id, *line->unspoken);
  } else {
    messages::Finished finished;
    const Instant started = line->started.value_or(now);
    finished.timings.queue_ms = milliseconds(started - line->arrived);
    finished.timings.predicted_ms = milliseconds(now - started);
    events_.emplace_back(id, finished);
  }
  cancel(id);
}

}  // namespace zenith::services
