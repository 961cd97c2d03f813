#include "zenith/actors/stages.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

namespace zenith::actors {
namespace {

using messages::AudioPart;
using messages::ImagePart;
using messages::SensorPart;
using messages::StagedPart;

// One row for each kind of part: its task, its name in the path of an answer, its name for people.
struct Kind {
  Task task;
  const char* modality;
  const char* what;
  std::string model{};  ///< empty: any that can do it
  bool once = false;    ///< what ended one process could end the next: it is not taken there
};
Kind kind_of(const ImagePart&) { return {Task::see, "ocr", "the picture"}; }
Kind kind_of(const SensorPart& part) { return {Task::sense, "sensor", "the sensor", part.sensor_id}; }
Kind kind_of(const AudioPart&) { return {Task::transcribe, "transcription", "the audio", {}, true}; }

Kind kind_of(const StagedPart& part) {
  return std::visit([](const auto& what) { return kind_of(what); }, part.what);
}

std::string place_of(const StagedPart& part) {
  return fmt::format("messages[{}].content[{}]", part.message, part.part);
}

/// Which one of its kind it is, from 1.
std::size_t number_of(const std::vector<StagedPart>& parts, std::size_t index) {
  const auto same = [&](const StagedPart& part) { return part.what.index() == parts[index].what.index(); };
  return static_cast<std::size_t>(
             std::count_if(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(index), same)) +
         1;
}

/// Every line of a picture marked. A line is one: whoever made it may not have kept to that.
std::string lines_of(const messages::ImageReading& reading) {
  std::string out;
  for (const auto& line : reading.lines) {
    out += "> ";
    for (const char c : line.text) out += c == '\n' || c == '\r' ? ' ' : c;
    out += '\n';
  }
  return out;
}

bool same_text(const messages::ImageReading& a, const messages::ImageReading& b) {
  return std::equal(a.lines.begin(), a.lines.end(), b.lines.begin(), b.lines.end(),
                    [](const auto& x, const auto& y) { return x.text == y.text; });
}

std::string span_of(const StageAnswer& answer, std::size_t number) {
  if (const auto* window = std::get_if<messages::Window>(&answer)) return sensor_span(*window);
  if (const auto* heard = std::get_if<messages::Transcript>(&answer)) return speech_span(*heard, number);
  return image_span(std::get<messages::ImageReading>(answer), number);
}

bool means_another(const Error& error, std::uint32_t attempt) {
  return error.code == Errc::unavailable || error.code == Errc::draining || error.code == Errc::loading ||
         error.code == Errc::bad_frame || (error.code == Errc::overloaded && attempt > 1);
}

}  // namespace

std::vector<Need> needs_before(const messages::Generate& request) {
  std::vector<Need> out;
  for (const auto& part : request.staged) {
    const Kind kind = kind_of(part);
    const Need need{kind.task, kind.model};
    if (std::find(out.begin(), out.end(), need) == out.end()) out.push_back(need);
  }
  if (!request.speaker.empty()) out.emplace_back(Task::speak, request.speaker);
  return out;
}

StagesState::Outcome StagesState::on_start() const {
  Outcome out;
  out.plan = Ask{Task::generate, request_->model, {}, needs_before(*request_)};
  return out;
}

StagesState::Outcome StagesState::on_planned(Expected<std::shared_ptr<const Plan>> plan) {
  if (at_ != At::planning) return {};
  if (!plan && picture_) {
    plan.error().message = fmt::format("{}: the sensor gives pictures, which a vision service has to read: {}",
                                       place_of(part()), plan.error().message);
    plan.error().param = place_of(part());
  }
  if (!plan) return fail_with(lost_ ? std::move(*lost_) : std::move(plan.error()));
  // The first plan has the stages of every kind, in the order of needs_before: the first part's comes first.
  if ((*plan)->stages.empty()) return fail_with(Error{Errc::internal, "the plan has no stage", {}, {}});
  stage_ = (*plan)->stages.front();
  at_ = At::working;
  Outcome out;
  out.work = Work{stage_, &part(), ++attempt_, lost_in_row_ + 1};
  return out;
}

StagesState::Outcome StagesState::on_done(StageDone done) {
  if (at_ != At::working || done.attempt != attempt_) return {};
  if (!done.answer) {
    Error error = std::move(done.answer.error());
    if (means_another(error, lost_in_row_ + 1)) return on_loss(std::move(error));
    error.message = fmt::format("{}: {} could not be read: {}", place_of(part()), kind_of(part()).what, error.message);
    error.param = place_of(part());
    return fail_with(std::move(error));
  }
  const std::string modality = kind_of(part()).modality;
  if (std::find(path_.begin(), path_.end(), modality) == path_.end()) path_.push_back(modality);
  std::string text = lead_ + text_of(*done.answer);
  if (auto* window = std::get_if<messages::Window>(&*done.answer)) pictures_ = std::move(window->pictures);
  if (pictures_begun_ < pictures_.size()) {
    lead_ = std::move(text) + "\n";
    return next_picture();
  }
  texts_.push_back(std::move(text));
  picture_.reset();
  pictures_.clear();
  pictures_begun_ = 0;
  seen_.reset();
  lead_.clear();
  ++done_;
  return next();
}

std::string StagesState::text_of(const StageAnswer& answer) {
  if (!picture_) return span_of(answer, number_of(request_->staged, done_));
  const auto* reading = std::get_if<messages::ImageReading>(&answer);
  if (reading == nullptr) return {};
  const bool same = seen_ && same_text(*seen_, *reading);
  seen_ = *reading;
  return window_picture_span(pictures_[pictures_begun_ - 1], *reading, pictures_begun_, pictures_.size(), same);
}

/// The part goes on as a picture that its sensor showed.
StagesState::Outcome StagesState::next_picture() {
  const auto& from = request_->staged[done_];
  picture_ = StagedPart{from.message, from.part, ImagePart{std::exchange(pictures_[pictures_begun_].file, {})}};
  ++pictures_begun_;
  return next();
}

StagesState::Outcome StagesState::next() {
  limits_ = {};
  lost_.reset();
  lost_in_row_ = 0;
  Outcome out;
  if (done_ < request_->staged.size()) {
    at_ = At::planning;
    out.plan = Ask{kind_of(part()).task, kind_of(part()).model, {}, {}};
    return out;
  }
  at_ = At::ended;
  auto ready = std::make_shared<messages::Generate>(*request_);
  ready->staged.clear();
  ready->speaker.clear();
  auto* chat = std::get_if<messages::Chat>(&ready->prompt);
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const StagedPart& from = request_->staged[i];
    const bool there = chat != nullptr && from.message < chat->messages.size() &&
                       from.part < chat->messages[from.message].text_parts.size();
    if (!there) {
      out.failed = Error{Errc::internal, place_of(from) + " is no place of the chat", {}, {}};
      return out;
    }
    chat->messages[from.message].text_parts[from.part] = std::move(texts_[i]);
  }
  out.ready = std::move(ready);
  return out;
}

StagesState::Outcome StagesState::on_loss(Error error) {
  error.message = fmt::format("{}: service '{}': {}", place_of(part()), stage_.service_id, error.message);
  error.param = place_of(part());
  error.retry_after = std::max(error.retry_after, std::chrono::milliseconds(1000));
  const bool begun = error.code == Errc::unavailable;
  at_ = At::planning;
  if (++lost_in_row_ >= kAttempts || (kind_of(part()).once && begun)) return fail_with(std::move(error));
  lost_ = std::move(error);
  std::erase_if(limits_.avoid, [&](const Avoid& a) { return a.service_id == stage_.service_id; });
  limits_.avoid.push_back({stage_.service_id, stage_.service.address().id()});
  Outcome out;
  out.plan = Ask{kind_of(part()).task, kind_of(part()).model, limits_, {}};
  return out;
}

StagesState::Outcome StagesState::on_stop(Error why) { return fail_with(std::move(why)); }

StagesState::Outcome StagesState::fail_with(Error error) {
  Outcome out;
  if (at_ == At::ended) return out;
  out.stop_work = at_ == At::working;
  out.failed = std::move(error);
  at_ = At::ended;
  return out;
}

std::string image_span(const messages::ImageReading& reading, std::size_t number) {
  const std::string head = fmt::format("Image {}, {} x {} pixels", number, reading.width, reading.height);
  if (reading.lines.empty()) return fmt::format("[{}: no text was found in it by OCR]", head);
  return fmt::format("[{}; its text, as OCR read it:]\n{}[end of image {}]", head, lines_of(reading), number);
}

std::string speech_span(const messages::Transcript& transcript, std::size_t number) {
  std::string words;
  for (const auto& segment : transcript.segments) words += segment.text;
  const auto first = words.find_first_not_of(" \n");
  if (first == std::string::npos) return fmt::format("[Audio {}: no words were heard in it]", number);
  return words.substr(first, words.find_last_not_of(" \n") - first + 1);
}

std::string sensor_span(const messages::Window& window) { return "[" + window.text + "]"; }

std::string window_picture_span(const messages::WindowPicture& picture, const messages::ImageReading& reading,
                                std::size_t number, std::size_t count, bool same) {
  const std::string head = fmt::format(
      "Picture {} of {}, {:.1f} s ago ({:%Y-%m-%d %H:%M:%S} UTC), {} x {} pixels", number, count, picture.before_end_s,
      fmt::gmtime(static_cast<std::time_t>(picture.wall_ns / 1'000'000'000)), reading.width, reading.height);
  if (reading.lines.empty()) return fmt::format("[{}: no text was found in it by OCR]", head);
  if (same) return fmt::format("[{}: the same text]", head);
  return fmt::format("[{}; its text, as OCR read it:]\n{}[end of picture {}]", head, lines_of(reading), number);
}

}  // namespace zenith::actors
