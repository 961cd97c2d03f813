// The messages between actors. Requests themselves are in messages/; these say who sends them to whom, and where
// answers go.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "zenith/actors/address.hpp"
#include "zenith/actors/promise.hpp"
#include "zenith/messages/directory.hpp"
#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"
#include "zenith/messages/vision.hpp"

namespace zenith::actors {

struct Pong {};
/// Liveness through the mailbox: it is answered by the actor itself, so silence means that its worker is stuck.
struct Ping {
  Promise<Pong> answer;
};

// ---- to a session
// -----------------------------------------------------------------------------------------------------------------

struct Plan;
struct Planned {
  Expected<std::shared_ptr<const Plan>> plan;
  std::uint32_t probe = 0;  ///< the attempt that this might replace; 0: there is none
};
struct FromService {
  messages::Event event;
  std::uint32_t attempt = 1;  ///< of the Submit that it answers; the session ignores events of an older one
  messages::Spent spent{};    ///< of the last event: what the link says
};
struct ClientGrant {
  std::uint32_t events = 0;
};
struct CancelSession {
  Error why;
};
/// The service of this attempt has been silent for a while: if another can go on, it should.
struct ServiceSuspect {
  std::uint32_t attempt = 1;
};
/// What the service of a stage made of a part.
using StageAnswer = std::variant<messages::ImageReading, messages::Window, messages::Transcript>;
struct StageDone {
  Expected<StageAnswer> answer;
  std::uint32_t attempt = 1;  ///< the session ignores answers to an older one
};
using SessionMessage = std::variant<Planned, FromService, ClientGrant, CancelSession, ServiceSuspect, StageDone>;

// ---- to a service
// -----------------------------------------------------------------------------------------------------------------

/// Start a generation. Events go to `session`, which the service watches: when the session ends, the work is cancelled.
/// A later attempt of a request id replaces an earlier one that the service still has.
struct Submit {
  std::shared_ptr<const messages::Generate> request;
  Ref<SessionMessage> session;
  std::uint32_t attempt = 1;
};
/// The same for speech.
struct SpeakWork {
  std::shared_ptr<const messages::Speak> request;
  Ref<SessionMessage> session;
  std::uint32_t attempt = 1;
};
/// The same for a sensor's frames.
struct WatchWork {
  std::shared_ptr<const messages::Watch> request;
  Ref<SessionMessage> session;
  std::uint32_t attempt = 1;
};
/// Stop within one step, give everything back, answer nothing.
struct CancelWork {
  RequestId id;
};
struct GrantWork {
  RequestId id;
  std::uint32_t events = 0;
};
template <class Request, class Answer>
struct Call {
  Request request;
  Promise<Answer> answer;
};
using EmbedCall = Call<messages::Embed, messages::Embeddings>;
using TokenizeCall = Call<messages::Tokenize, messages::Tokens>;
using DetokenizeCall = Call<messages::Detokenize, messages::Text>;
using TemplateCall = Call<messages::ApplyTemplate, messages::Text>;
using TranscribeCall = Call<messages::Transcribe, messages::Transcript>;
using ReadImageCall = Call<messages::ReadImage, messages::ImageReading>;
using WindowCall = Call<messages::ReadWindow, messages::Window>;
using SetSensorCall = Call<messages::SetSensor, messages::Text>;
using ServiceMessage =
    std::variant<Submit, CancelWork, GrantWork, EmbedCall, TokenizeCall, DetokenizeCall, TemplateCall, Ping, SpeakWork,
                 TranscribeCall, ReadImageCall, WatchWork, WindowCall, SetSensorCall>;

// ---- to the router
// ----------------------------------------------------------------------------------------------------------------

enum class Task : std::uint8_t {
  generate,
  embed,
  text /* tokenize, detokenize, apply-template */,
  speak,
  transcribe,
  see,
  sense
};

struct Stage {
  enum class Kind : std::uint8_t { think, embed, text, speak, transcribe, see, sense } kind = Kind::think;
  std::string service_id;
  Ref<ServiceMessage> service;
  std::string model{};      ///< the one that it uses: its own name
  Generation generation{};  ///< of that model
};
/// What a request will pass through, in order: what its parts need, then the task itself.
struct Plan {
  messages::ModelEntry model;  ///< of the last stage; an alias resolved
  std::vector<Stage> stages;
};
/// A task that has to be possible, and with which model; an empty name means any that can do it.
struct Need {
  Need(Task t, std::string m = {}) : task(t), model(std::move(m)) {}
  Task task;
  std::string model;
  friend bool operator==(const Need&, const Need&) = default;
};
/// A service that failed this request. The same service restarted is another actor, and may be tried again.
struct Avoid {
  std::string service_id;
  ActorId actor;
};
/// What a plan after the first has to respect.
struct PlanLimits {
  std::vector<Avoid> avoid;              ///< in the order in which they failed
  std::optional<Generation> generation;  ///< only services with these weights can go on
};
struct PlanRequest {
  Task task = Task::generate;
  std::string model;
  Promise<std::shared_ptr<const Plan>> answer;
  PlanLimits limits{};
  std::vector<Need> before{};  ///< what has to be possible first, each once; a plan without one of them is refused
};
/// The directory's view is another: plans that wait for a service to start are tried again.
struct Replan {};
using RouterMessage = std::variant<PlanRequest, Replan, Ping>;

// ---- to the directory
// -------------------------------------------------------------------------------------------------------------

/// A new service, or a new model of a known one.
struct Announce {
  messages::ServiceStatus status;
  std::optional<messages::ModelEntry> model;
};
/// How a known service is. An empty `service` leaves the handle as it was.
struct Report {
  std::string id;
  messages::Health health = messages::Health::loading;
  std::string detail;
  std::optional<messages::ModelEntry> model;
  Ref<ServiceMessage> service;
  bool suspect = false;
};
/// A service of another process that is gone for good.
struct Forget {
  std::string id;
};
struct StartDraining {};
using DirectoryMessage = std::variant<Announce, Report, Forget, StartDraining, Ping>;

}  // namespace zenith::actors
