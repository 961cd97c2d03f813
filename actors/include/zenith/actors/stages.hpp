// What happens to a chat before its text service gets it: parts that are no text are read by other services, one after
// another, and their text takes their place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "zenith/actors/protocol.hpp"

namespace zenith::actors {

/// What the plan needs for the parts of a request and for speaking its answer, each once, in that order; empty when it
/// is all text.
std::vector<Need> needs_before(const messages::Generate& request);

/// Messages to effects. Plain; no clock of its own.
///
/// The first plan asks for every stage and the text service: what cannot be done is refused before anything is begun.
/// Each part then has a service to itself, and another one when that is lost; what a service says of the part itself
/// (no picture, too large) ends the request, with the place of the part in Error::param. A window of pictures goes on
/// as those pictures, one after another. A part of another kind is a further alternative of messages::StagedPart::what
/// and a row in stages.cpp.
class StagesState {
 public:
  static constexpr std::uint32_t kAttempts = 4;  ///< for one part; one that ended a process has no other

  /// @pre request->staged is not empty.
  explicit StagesState(std::shared_ptr<const messages::Generate> request) : request_(std::move(request)) {}

  struct Ask {
    Task task = Task::generate;
    std::string model;
    PlanLimits limits;
    std::vector<Need> before;
  };
  struct Work {
    Stage stage;
    const messages::StagedPart* part = nullptr;  ///< until the next call
    std::uint32_t attempt = 1;
    std::uint32_t tries = 1;  ///< of this part
  };
  struct Outcome {
    std::optional<Ask> plan;
    std::optional<Work> work;                         ///< have the stage's service do it
    bool stop_work = false;                           ///< nobody waits for the answer of before
    std::shared_ptr<const messages::Generate> ready;  ///< all text now: go on with it
    std::optional<Error> failed;                      ///< the request's last event
  };
  Outcome on_start() const;
  Outcome on_planned(Expected<std::shared_ptr<const Plan>> plan);
  Outcome on_done(StageDone done);
  Outcome on_stop(Error why);  ///< cancelled, draining, its time over

  /// What was done, in order, each once: "ocr".
  const std::vector<std::string>& path() const noexcept { return path_; }

 private:
  const messages::StagedPart& part() const { return picture_ ? *picture_ : request_->staged[done_]; }
  Outcome next();
  Outcome next_picture();
  std::string text_of(const StageAnswer& answer);
  Outcome fail_with(Error error);
  Outcome on_loss(Error error);

  enum class At : std::uint8_t { planning, working, ended } at_ = At::planning;
  std::shared_ptr<const messages::Generate> request_;
  std::size_t done_ = 0;                           ///< parts
  std::vector<std::string> texts_;                 ///< of those
  std::optional<messages::StagedPart> picture_;    ///< of the window that the part has: it is read now
  std::vector<messages::WindowPicture> pictures_;  ///< of that window
  std::size_t pictures_begun_ = 0;
  std::string lead_;                            ///< of the part's text: what came before that picture
  std::optional<messages::ImageReading> seen_;  ///< in the picture before
  std::vector<std::string> path_;
  PlanLimits limits_;
  Stage stage_;
  std::optional<Error> lost_;
  std::uint32_t attempt_ = 0;      ///< over all parts
  std::uint32_t lost_in_row_ = 0;  ///< services that this part has lost
};

/// The text of a picture as the prompt has it: delimited, numbered, every line of the picture marked, so that nothing
/// in a picture can end its span. It is text of a user: no control token is recognised in it.
std::string image_span(const messages::ImageReading& reading, std::size_t number);

/// What was said, and nothing else: it is the user who speaks.
std::string speech_span(const messages::Transcript& transcript, std::size_t number);

/// A sensor's window in the same way: its digest, with units.
std::string sensor_span(const messages::Window& window);

/// One of a window's pictures, which follows the window's span. @param number of `count`, from 1. @param same as the
/// one before it.
std::string window_picture_span(const messages::WindowPicture& picture, const messages::ImageReading& reading,
                                std::size_t number, std::size_t count, bool same);

}  // namespace zenith::actors
