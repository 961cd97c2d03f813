#include "zenith/actors/directory.hpp"

#include <algorithm>
#include <set>

#include "zenith/core/log.hpp"

namespace zenith::actors {

using messages::Health;

std::string DirectoryView::resolve(std::string_view name) const {
  std::string at{name};
  for (std::size_t hops = 0; hops <= aliases.size(); ++hops) {
    const auto alias = aliases.find(at);
    if (alias == aliases.end()) return at;
    at = alias->second;
  }
  return std::string{name};
}

bool DirectoryView::asleep(const Service& service) const {
  return service.status.health == Health::ready && service.model && !service.ref &&
         on_demand.contains(service.status.id);
}

messages::Snapshot snapshot_of(const DirectoryView& view) {
  messages::Snapshot out;
  bool loading = false;
  std::set<std::string> ready, waited_for;  // models
  for (const auto& service : view.services) {
    auto status = service.status;
    if (view.draining && status.health == Health::ready) status.health = Health::draining;
    if (status.role == messages::Role::sensor) {
      out.sensors.push_back({status, service.model});
      out.services.push_back(std::move(status));
      continue;
    }
    if (!view.on_demand.contains(status.id)) {
      loading |= status.health == Health::loading;
      if (!status.model.empty() && status.health == Health::ready) ready.insert(status.model);
      if (!status.model.empty() && status.health == Health::loading) waited_for.insert(status.model);
    }
    out.services.push_back(std::move(status));
    const auto known = [&](const messages::ModelEntry& m) { return m.name == service.model->name; };
    if (service.model && std::none_of(out.models.begin(), out.models.end(), known))
      out.models.push_back(*service.model);
  }
  const std::size_t own = out.models.size();
  for (const auto& [alias, target] : view.aliases) {
    const std::string name = view.resolve(alias);
    for (std::size_t i = 0; i < own; ++i) {
      if (out.models[i].name != name) continue;
      auto entry = out.models[i];
      entry.alias_of = std::exchange(entry.name, alias);
      out.models.push_back(std::move(entry));
      break;
    }
  }
  if (view.draining) {
    out.overall = Health::draining;
  } else if (!std::includes(ready.begin(), ready.end(), waited_for.begin(), waited_for.end()) ||
             (ready.empty() && (loading || view.services.empty()))) {
    out.overall = Health::loading;
  } else {
    out.overall = ready.empty() ? Health::failed : Health::ready;
  }
  return out;
}

Board::Board(std::map<std::string, std::string> aliases) {
  DirectoryView first;
  first.aliases = std::move(aliases);
  publish(std::move(first));
}

std::shared_ptr<const DirectoryView> Board::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

void Board::publish(DirectoryView view) {
  auto next = std::make_shared<const DirectoryView>(std::move(view));
  {
    const std::lock_guard lock(mutex_);
    view_.swap(next);
  }
  published_.notify_all();
  if (hook_) hook_();
}

bool Board::wait(const std::function<bool(const DirectoryView&)>& enough, std::chrono::nanoseconds limit) const {
  std::unique_lock lock(mutex_);
  return published_.wait_for(lock, limit, [&] { return enough(*view_); });
}

void DirectoryState::on(Announce announce) {
  auto it = std::find_if(view_.services.begin(), view_.services.end(),
                         [&](const auto& s) { return s.status.id == announce.status.id; });
  if (it == view_.services.end()) it = view_.services.insert(view_.services.end(), DirectoryView::Service{});
  if (!announce.model && view_.on_demand.contains(announce.status.id)) announce.model = std::move(it->model);
  *it = {std::move(announce.status), std::move(announce.model), {}};
}

Status DirectoryState::on(Report report) {
  for (auto& service : view_.services) {
    if (service.status.id != report.id) continue;
    service.status.health = report.health;
    service.status.detail = std::move(report.detail);
    service.status.suspect = report.suspect;
    if (report.model) service.model = std::move(report.model);
    if (report.service) service.ref = std::move(report.service);
    return {};
  }
  return fail(Errc::not_found, "no service '" + report.id + "' was announced", report.id);
}

void DirectoryState::on(const Forget& forget) {
  std::erase_if(view_.services, [&](const auto& s) { return s.status.id == forget.id; });
}

void DirectoryState::on(StartDraining) { view_.draining = true; }

namespace {

class Directory final : public Actor<DirectoryMessage> {
 public:
  explicit Directory(std::shared_ptr<Board> board) : board_(std::move(board)), state_(*board_->view()) {}

  void on(DirectoryMessage message, Context&) override {
    if (const auto* ping = std::get_if<Ping>(&message)) {
      ping->answer.keep(Pong{});
      return;
    }
    if (auto* announce = std::get_if<Announce>(&message)) state_.on(std::move(*announce));
    if (auto* report = std::get_if<Report>(&message)) {
      const auto known = state_.on(std::move(*report));
      if (!known) log(LogLevel::error, "directory", known.error().message);
    }
    if (const auto* forget = std::get_if<Forget>(&message)) state_.on(*forget);
    if (auto* draining = std::get_if<StartDraining>(&message)) state_.on(*draining);
    board_->publish(state_.view());
  }

 private:
  std::shared_ptr<Board> board_;
  DirectoryState state_;
};

}  // namespace

std::unique_ptr<Behaviour> make_directory(std::shared_ptr<Board> board) {
  return std::make_unique<Directory>(std::move(board));
}

}  // namespace zenith::actors
