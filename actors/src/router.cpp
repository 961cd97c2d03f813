#include "zenith/actors/router.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <vector>

namespace zenith::actors {
namespace {

using messages::Health;
using messages::ModelKind;

bool serves(ModelKind kind, Task task) {
  switch (task) {
    case Task::generate: return kind == ModelKind::generate;
    case Task::embed: return kind == ModelKind::embed;
    case Task::text: return kind == ModelKind::generate || kind == ModelKind::embed;
    case Task::speak: return kind == ModelKind::speech;
    case Task::transcribe: return kind == ModelKind::transcription;
    case Task::see: return kind == ModelKind::vision;
    case Task::sense: return kind == ModelKind::sensor;
  }
  return false;
}

Stage::Kind stage_of(Task task) {
  switch (task) {
    case Task::generate: return Stage::Kind::think;
    case Task::embed: return Stage::Kind::embed;
    case Task::text: return Stage::Kind::text;
    case Task::speak: return Stage::Kind::speak;
    case Task::transcribe: return Stage::Kind::transcribe;
    case Task::see: return Stage::Kind::see;
    case Task::sense: return Stage::Kind::sense;
  }
  return Stage::Kind::text;
}

std::string_view what_it_does(ModelKind kind) {
  switch (kind) {
    case ModelKind::generate: return "generates text";
    case ModelKind::embed: return "computes embeddings";
    case ModelKind::speech: return "speaks";
    case ModelKind::transcription: return "transcribes speech";
    case ModelKind::vision: return "reads pictures";
    case ModelKind::sensor: return "is a sensor";
  }
  return "is there";
}

std::string_view what_it_lacks(Task task) {
  switch (task) {
    case Task::generate: return "generates no text";
    case Task::embed: return "computes no embeddings";
    case Task::text: return "has no tokens";
    case Task::speak: return "does not speak";
    case Task::transcribe: return "transcribes nothing";
    case Task::see: return "reads no pictures";
    case Task::sense: return "measures nothing";
  }
  return "cannot do that";
}

// Before its file is read a model's kind is not known: such a service has a name only.
const std::string& name_of(const DirectoryView::Service& service) {
  return service.model ? service.model->name : service.status.model;
}

bool is_sensor(const DirectoryView::Service& service) { return service.status.role == messages::Role::sensor; }

// Sensors have the place of models, and are none to who asks for one.
std::string known_names(const DirectoryView& view, Task task) {
  std::vector<std::string> names;
  for (const auto& service : view.services) {
    if (!name_of(service).empty() && is_sensor(service) == (task == Task::sense)) names.push_back(name_of(service));
  }
  if (task != Task::sense) {
    for (const auto& [alias, target] : view.aliases) names.push_back(alias);
  }
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

tl::unexpected<Error> retry_later(Errc code, std::string message) {
  return tl::make_unexpected(Error{code, std::move(message), "model", std::chrono::seconds(1)});
}

/// Before its model is loaded a service's role says what it will do.
bool role_fits(const DirectoryView::Service& service, Task task) {
  switch (task) {
    case Task::see: return service.status.role == messages::Role::vision;
    case Task::speak:
    case Task::transcribe: return service.status.role == messages::Role::voice;
    case Task::sense: return is_sensor(service);
    case Task::generate:
    case Task::embed:
    case Task::text: return service.status.role == messages::Role::text;
  }
  return false;
}

using Candidates = std::vector<const DirectoryView::Service*>;

// Those that never failed the request, if there are any, else those that have been restarted since.
Candidates without_failed(const Candidates& ready, const PlanLimits& limits) {
  Candidates fresh, restarted;
  for (const auto* service : ready) {
    if (limits.generation && service->model->generation != *limits.generation) continue;
    const auto same_id = [&](const Avoid& a) { return a.service_id == service->status.id; };
    const auto same_actor = [&](const Avoid& a) { return same_id(a) && a.actor == service->ref.address().id(); };
    if (std::none_of(limits.avoid.begin(), limits.avoid.end(), same_id)) {
      fresh.push_back(service);
    } else if (std::none_of(limits.avoid.begin(), limits.avoid.end(), same_actor)) {
      restarted.push_back(service);
    }
  }
  return fresh.empty() ? restarted : fresh;
}

// Those that answer, when there are any.
Candidates without_suspect(const Candidates& usable) {
  Candidates lively;
  std::copy_if(usable.begin(), usable.end(), std::back_inserter(lively),
               [](const auto* service) { return !service->status.suspect; });
  return lively.empty() ? usable : lively;
}

tl::unexpected<Error> nobody_left(const DirectoryView::Service& one, const PlanLimits& limits) {
  if (limits.avoid.empty()) {
    return retry_later(Errc::unavailable, fmt::format("service '{}' has other weights of model '{}' than asked for",
                                                      one.status.id, name_of(one)));
  }
  return retry_later(Errc::unavailable,
                     fmt::format("service '{}' failed the request and no other service can go on with model '{}'",
                                 limits.avoid.back().service_id, name_of(one)));
}

}  // namespace

Expected<Plan> RouterState::plan(Task task, const std::string& model, const DirectoryView& view,
                                 const PlanLimits& limits, const std::vector<Need>& before) {
  waits_for_.clear();
  auto plan = plan_one(task, model, view, limits);
  if (!plan) return plan;
  for (std::size_t i = 0; i < before.size(); ++i) {
    auto stage = plan_one(before[i].task, before[i].model, view, {limits.avoid, {}});
    if (!stage) return stage;
    plan->stages.insert(plan->stages.begin() + static_cast<std::ptrdiff_t>(i), std::move(stage->stages.front()));
  }
  return plan;
}

Expected<Plan> RouterState::plan_one(Task task, const std::string& model, const DirectoryView& view,
                                     const PlanLimits& limits) {
  const std::string wanted = model.empty() ? std::string{} : view.resolve(model);
  Candidates ready;
  const DirectoryView::Service *loading = nullptr, *draining = nullptr, *failed = nullptr, *wrong_kind = nullptr;
  const DirectoryView::Service* starts = nullptr;  // on demand, and no other was ready before it
  for (const auto& service : view.services) {
    if (name_of(service).empty() || (!wanted.empty() && name_of(service) != wanted)) continue;
    if (wanted.empty() && !role_fits(service, task)) continue;
    if (service.model && !serves(service.model->kind, task)) {
      wrong_kind = &service;
    } else if (view.on_demand.contains(service.status.id) && ready.empty() &&
               (service.status.health == Health::loading || view.asleep(service))) {
      if (starts == nullptr) starts = &service;
    } else if (service.status.health == Health::ready && service.ref && service.model) {
      if (wanted.empty() && !ready.empty() && name_of(*ready.front()) != name_of(service)) continue;
      ready.push_back(&service);
    } else if (service.status.health == Health::loading) {
      loading = &service;
    } else if (service.status.health == Health::draining) {
      draining = &service;
    } else {
      failed = &service;
    }
  }
  if (starts != nullptr && (ready.empty() || wanted.empty())) {
    waits_for_ = starts->status.id;
    return retry_later(Errc::loading, fmt::format("service '{}' for model '{}' is being started: {}", waits_for_,
                                                  name_of(*starts), starts->status.detail));
  }
  if (!ready.empty()) {
    const auto usable = without_failed(ready, limits);
    if (usable.empty()) return nobody_left(*ready.back(), limits);
    const auto lively = without_suspect(usable);
    const auto& service = *lively[turn_++ % lively.size()];
    return Plan{
        *service.model,
        {Stage{stage_of(task), service.status.id, service.ref, service.model->name, service.model->generation}}};
  }
  if (loading != nullptr) {
    return retry_later(Errc::loading,
                       fmt::format("model '{}' is loading: {}", name_of(*loading), loading->status.detail));
  }
  if (draining != nullptr) {
    return retry_later(Errc::draining, fmt::format("service '{}' for model '{}' is shutting down and takes no new work",
                                                   draining->status.id, name_of(*draining)));
  }
  if (failed != nullptr) {
    return retry_later(Errc::unavailable, fmt::format("service '{}' for model '{}' is down: {}", failed->status.id,
                                                      name_of(*failed), failed->status.detail));
  }
  if (task == Task::see && wanted.empty()) {
    return fail(Errc::unsupported,
                "no service here reads pictures: the configuration needs a [[service]] with role \"vision\" and model "
                "\"ppocr-v4\"",
                "image");
  }
  if (task == Task::transcribe && wanted.empty()) {
    return fail(Errc::unsupported,
                "no service here transcribes speech: the configuration needs a [[service]] with role \"voice\" and "
                "model \"whisper-base\"",
                "model");
  }
  if (wrong_kind != nullptr && !wanted.empty()) {
    return fail(Errc::invalid_argument,
                fmt::format("model '{}' {} and {}; known models: {}", wanted, what_it_does(wrong_kind->model->kind),
                            what_it_lacks(task), known_names(view, task)),
                "model");
  }
  if (task == Task::sense) {
    return fail(Errc::not_found,
                fmt::format("sensor '{}' is not known here; known sensors: {}", model, known_names(view, task)),
                "sensor_id");
  }
  return fail(Errc::not_found,
              fmt::format("model '{}' is not known here; known models: {}", model, known_names(view, task)), "model");
}

namespace {

class Router final : public Actor<RouterMessage> {
 public:
  Router(std::shared_ptr<const Board> board, std::function<void(const std::string&)> wake)
      : board_(std::move(board)), wake_(std::move(wake)) {}

  void on(RouterMessage message, Context& self) override {
    if (const auto* ping = std::get_if<Ping>(&message)) {
      ping->answer.keep(Pong{});
      return;
    }
    if (std::holds_alternative<Replan>(message)) {
      std::erase_if(waiting_, [&](const Waiting& one) { return settle(one.request, May::wait); });
      return;
    }
    auto& request = std::get<PlanRequest>(message);
    if (settle(request, waiting_.size() < kWaitingPlans ? May::wait : May::not_wait)) return;
    waiting_.push_back({std::move(request), self.now() + kStartLimit});
    if (waiting_.size() == 1) self.wake_at(waiting_.front().until);
  }

  void on_wake(Context& self) override {
    while (!waiting_.empty() && waiting_.front().until <= self.now()) {
      settle(waiting_.front().request, May::not_wait);
      waiting_.pop_front();
    }
    if (!waiting_.empty()) self.wake_at(waiting_.front().until);
  }

 private:
  struct Waiting {
    PlanRequest request;
    Instant until;
  };
  enum class May : std::uint8_t { wait, not_wait };

  /// @returns it is answered; false: a service has to start first.
  bool settle(const PlanRequest& request, May may) {
    if (request.answer.kept()) return true;
    const auto view = board_->view();
    auto plan = state_.plan(request.task, request.model, *view, request.limits, request.before);
    if (!plan && !state_.waits_for().empty() && may == May::wait) {
      for (const auto& service : view->services) {
        if (service.status.id == state_.waits_for() && view->asleep(service)) wake_(service.status.id);
      }
      return false;
    }
    request.answer.keep(std::move(plan).map([](Plan made) { return std::make_shared<const Plan>(std::move(made)); }));
    return true;
  }

  std::shared_ptr<const Board> board_;
  std::function<void(const std::string&)> wake_;
  RouterState state_;
  std::deque<Waiting> waiting_;  // in the order of their limits
};

}  // namespace

std::unique_ptr<Behaviour> make_router(std::shared_ptr<const Board> board,
                                       std::function<void(const std::string&)> wake) {
  return std::make_unique<Router>(std::move(board), std::move(wake));
}

}  // namespace zenith::actors
