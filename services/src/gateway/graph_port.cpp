#include "zenith/services/graph_port.hpp"

#include <fmt/format.h>

#include <vector>

#include "retrying_call.hpp"
#include "zenith/actors/speech_session.hpp"
#include "zenith/actors/watch_session.hpp"

namespace zenith::services {

using namespace actors;

namespace {

Error cancelled() { return Error{Errc::cancelled, "the client went away or asked to stop", {}, {}}; }

void count_outcome(Metrics* metrics, const char* kind, std::string_view outcome) {
  metrics
      ->counter("zenith_requests_total", "Requests by their end", {{"kind", kind}, {"outcome", std::string{outcome}}})
      .add();
}

}  // namespace

Status CallTable::admit(RequestId id, Deadline deadline, std::function<void(Error)> end) {
  const std::lock_guard lock(mutex_);
  if (closed_) return fail(Errc::draining, "the server is shutting down and takes no new work");
  if (calls_.size() >= capacity_) {
    return tl::make_unexpected(Error{Errc::overloaded,
                                     fmt::format("{} calls are open, the limit: retry later", calls_.size()),
                                     {},
                                     std::chrono::seconds(1)});
  }
  const auto [it, fresh] = calls_.try_emplace(id);
  if (!fresh) return fail(Errc::invalid_argument, fmt::format("request id {} is in use", id.value), "id");
  it->second.end = end;
  it->second.timer = system_.at(
      deadline.at, [end = std::move(end)] { end(Error{Errc::deadline, "the request's time is over", {}, {}}); });
  return {};
}

void CallTable::remove(RequestId id) {
  Open gone;
  {
    const std::lock_guard lock(mutex_);
    const auto it = calls_.find(id);
    if (it == calls_.end()) return;
    gone = std::move(it->second);
    calls_.erase(it);
    if (calls_.empty()) empty_.notify_all();
  }
  system_.cancel_timer(gone.timer);
}

void CallTable::cancel(RequestId id, Error why) {
  std::function<void(Error)> end;
  {
    const std::lock_guard lock(mutex_);
    const auto it = calls_.find(id);
    if (it == calls_.end()) return;
    end = it->second.end;
  }
  end(std::move(why));
}

void CallTable::cancel_all(const Error& why) {
  std::vector<std::function<void(Error)>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, call] : calls_) all.push_back(call.end);
  }
  for (const auto& end : all) end(why);
}

void CallTable::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

std::size_t CallTable::size() const {
  const std::lock_guard lock(mutex_);
  return calls_.size();
}

bool CallTable::wait_empty(std::chrono::nanoseconds limit) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, limit, [this] { return calls_.empty(); });
}

GuardedSink GraphPort::guarded(const char* kind, std::shared_ptr<gateway::EventSink> sink) const {
  return {[sink = std::move(sink), metrics = parts_.metrics, kind](messages::Event event) {
            if (messages::is_last(event)) {
              const auto* error = std::get_if<Error>(&event);
              count_outcome(metrics, kind, error == nullptr ? "finished" : to_string(error->code));
            }
            sink->on_event(std::move(event));
          },
          Error{Errc::internal, "the request's session ended without an answer", {}, {}}};
}

void GraphPort::generate(messages::Generate request, std::shared_ptr<gateway::EventSink> sink) {
  const RequestId id = request.header.id;
  GuardedSink to_client = guarded("generate", std::move(sink));
  auto entry = parts_.sessions->admit(id);
  if (!entry) return to_client.deliver(std::move(entry.error()));
  // Every attempt draws the same and sees the same time, wherever it runs.
  if (!request.sampling.seed) request.sampling.seed = parts_.effects->random_seed();
  if (request.now_unix_seconds == 0) request.now_unix_seconds = parts_.effects->clock().unix_seconds();
  auto session = make_session({std::make_shared<const messages::Generate>(std::move(request)), std::move(*entry),
                               parts_.router, std::move(to_client)});
  parts_.sessions->bind(
      id, Ref<SessionMessage>{parts_.system->spawn(fmt::format("session-{}", id.value), std::move(session))});
}

void GraphPort::speak(messages::Speak request, std::shared_ptr<gateway::EventSink> sink) {
  const RequestId id = request.header.id;
  GuardedSink to_client = guarded("speak", std::move(sink));
  auto entry = parts_.sessions->admit(id);
  if (!entry) return to_client.deliver(std::move(entry.error()));
  auto session = make_speech_session({std::make_shared<const messages::Speak>(std::move(request)), std::move(*entry),
                                      parts_.router, std::move(to_client)});
  parts_.sessions->bind(
      id, Ref<SessionMessage>{parts_.system->spawn(fmt::format("speech-{}", id.value), std::move(session))});
}

void GraphPort::watch(messages::Watch request, std::shared_ptr<gateway::EventSink> sink) {
  const RequestId id = request.header.id;
  GuardedSink to_client = guarded("watch", std::move(sink));
  auto entry = parts_.sessions->admit(id);
  if (!entry) return to_client.deliver(std::move(entry.error()));
  auto session = make_watch_session({std::make_shared<const messages::Watch>(std::move(request)), std::move(*entry),
                                     parts_.router, std::move(to_client)});
  parts_.sessions->bind(
      id, Ref<SessionMessage>{parts_.system->spawn(fmt::format("watch-{}", id.value), std::move(session))});
}

void GraphPort::grant(RequestId id, std::uint32_t events) { parts_.sessions->send(id, ClientGrant{events}); }

void GraphPort::cancel(RequestId id) {
  parts_.sessions->send(id, CancelSession{cancelled()});
  parts_.calls->cancel(id, cancelled());
}

std::shared_ptr<Hedging> GraphPort::hedging(Task task) {
  const std::lock_guard lock(hedging_mutex_);
  auto& slot = hedging_[task];
  if (!slot) slot = std::make_shared<Hedging>(parts_.hedge_percent);
  return slot;
}

template <class Request, class Answer>
void GraphPort::call(Task task, const char* kind, Request request, gateway::Reply<Answer> reply) {
  const RequestId id = request.header.id;
  // A call that was refused leaves the table's entry of that id alone: it belongs to another.
  const auto admitted = std::make_shared<bool>(true);
  const Deadline deadline = request.header.deadline;
  const Promise<Answer> promise{
      [reply = std::move(reply), admitted, id, kind, parts = parts_](Expected<Answer> answer) {
        if (*admitted) parts.calls->remove(id);
        count_outcome(parts.metrics, kind, answer ? "finished" : to_string(answer.error().code));
        reply(std::move(answer));
      },
      Error{Errc::unavailable, "the service failed and is being restarted: retry", {}, std::chrono::seconds(1)}};
  using Retrying = RetryingCall<Request, Answer>;
  const auto retrying =
      std::make_shared<Retrying>(task, std::move(request), promise, parts_.router, *parts_.system, hedging(task));
  if (auto ok = parts_.calls->admit(id, deadline, Retrying::ender(retrying)); !ok) {
    *admitted = false;
    promise.break_with(std::move(ok.error()));
    return;
  }
  retrying->start();
}

void GraphPort::embed(messages::Embed request, gateway::Reply<messages::Embeddings> reply) {
  call<messages::Embed, messages::Embeddings>(Task::embed, "embed", std::move(request), std::move(reply));
}
void GraphPort::tokenize(messages::Tokenize request, gateway::Reply<messages::Tokens> reply) {
  call<messages::Tokenize, messages::Tokens>(Task::text, "tokenize", std::move(request), std::move(reply));
}
void GraphPort::detokenize(messages::Detokenize request, gateway::Reply<messages::Text> reply) {
  call<messages::Detokenize, messages::Text>(Task::text, "detokenize", std::move(request), std::move(reply));
}
void GraphPort::apply_template(messages::ApplyTemplate request, gateway::Reply<messages::Text> reply) {
  call<messages::ApplyTemplate, messages::Text>(Task::text, "apply_template", std::move(request), std::move(reply));
}

void GraphPort::transcribe(messages::Transcribe request, gateway::Reply<messages::Transcript> reply) {
  call<messages::Transcribe, messages::Transcript>(Task::transcribe, "transcribe", std::move(request),
                                                   std::move(reply));
}

void GraphPort::read_image(messages::ReadImage request, gateway::Reply<messages::ImageReading> reply) {
  call<messages::ReadImage, messages::ImageReading>(Task::see, "read_image", std::move(request), std::move(reply));
}

void GraphPort::read_window(messages::ReadWindow request, gateway::Reply<messages::Window> reply) {
  call<messages::ReadWindow, messages::Window>(Task::sense, "read_window", std::move(request), std::move(reply));
}

void GraphPort::set_sensor(messages::SetSensor request, gateway::Reply<messages::Text> reply) {
  SensorProcesses* processes = parts_.sensor_processes ? parts_.sensor_processes() : nullptr;
  if (request.run && processes != nullptr && processes->revive(request.model)) return reply(messages::Text{"loading"});
  call<messages::SetSensor, messages::Text>(Task::sense, "set_sensor", std::move(request), std::move(reply));
}

namespace {

Error no_processes() {
  return {Errc::unsupported,
          "this process supervises no sensors: ask the one that does, or change its configuration",
          "plugin",
          {}};
}

/// The service that has the sensor; the id itself when it is a service's.
std::string service_of(const std::string& id, const DirectoryView& view) {
  for (const auto& service : view.services) {
    if (!service.model || service.model->name != id) continue;
    return service.status.id.substr(0, service.status.id.find(':'));
  }
  return id;
}

}  // namespace

void GraphPort::load_sensor(messages::LoadSensor request, gateway::Reply<messages::Text> reply) {
  SensorProcesses* processes = parts_.sensor_processes ? parts_.sensor_processes() : nullptr;
  if (processes == nullptr) return reply(tl::make_unexpected(no_processes()));
  reply(processes->load(request.plugin, request.options).map([](std::string id) {
    return messages::Text{std::move(id)};
  }));
}

void GraphPort::unload_sensor(messages::UnloadSensor request, gateway::Reply<messages::Text> reply) {
  SensorProcesses* processes = parts_.sensor_processes ? parts_.sensor_processes() : nullptr;
  if (processes == nullptr) return reply(tl::make_unexpected(no_processes()));
  const std::string id = service_of(request.id, *parts_.board->view());
  reply(processes->unload(id).map([&] { return messages::Text{id}; }));
}

messages::Snapshot GraphPort::snapshot() const { return snapshot_of(*parts_.board->view()); }

}  // namespace zenith::services
