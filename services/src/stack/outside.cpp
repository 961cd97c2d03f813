#include "outside.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "zenith/links/service_door.hpp"

namespace zenith::services {

using namespace actors;
using messages::Health;
using messages::Role;

namespace {

constexpr auto kLoadEvery = std::chrono::seconds(1);
constexpr auto kListenLimit = std::chrono::seconds(10);
constexpr std::size_t kDetailBytes = 1024;  // the directory takes 4096 with all names

/// A promise that a thread waits for.
struct Listening {
  std::shared_ptr<std::promise<Expected<std::string>>> answer = std::make_shared<std::promise<Expected<std::string>>>();
  Promise<std::string> promise() const {
    return {[answer = answer](Expected<std::string> bound) { answer->set_value(std::move(bound)); },
            Error{Errc::internal, "the door ended before it listened", {}, {}}};
  }
  Expected<std::string> wait() const {
    auto future = answer->get_future();
    if (future.wait_for(kListenLimit) != std::future_status::ready) {
      return fail(Errc::deadline, "the endpoint was not listened on in time");
    }
    return future.get();
  }
};

std::string fingerprint(const messages::Announcement& announcement) {
  std::string text;
  for (const auto& m : announcement.members) {
    text += fmt::format("{}|{}|{}|{}|{}\n", m.status.id, static_cast<int>(m.status.health), m.status.detail,
                        m.model ? m.model->generation.value : 0, m.endpoint);
  }
  return text;
}

}  // namespace

Status Outside::start() {
  const Placement& place = parts_.placement;
  if (place.serves()) {
    if (auto ok = start_door(); !ok) return ok;
  }
  if (place.has(Role::gateway)) start_follower();
  if (auto ok = start_directory(); !ok) return ok;
  board_changed();
  return {};
}

void Outside::supervise(std::string name, std::function<std::unique_ptr<Behaviour>()> make,
                        std::function<void(const Address&)> started) {
  ChildSpec child;
  child.name = name;
  child.start = [system = parts_.system, name = std::move(name), make = std::move(make)] {
    return system->spawn(name, make());
  };
  child.started = std::move(started);
  parts_.supervise(std::move(child));
}

Status Outside::start_door() {
  const Listening listening;
  links::DoorSetup door;
  door.hub = parts_.placement.hub;
  door.system = parts_.system;
  door.effects = parts_.effects;
  door.sessions = parts_.sessions;
  door.endpoint = parts_.placement.service_bind;
  door.listening = listening.promise();
  door.find = [this](const std::string& model) { return find(model); };
  door.all = [this] { return all(); };
  supervise("service door", [door] { return links::make_service_door(door); }, [](const Address&) {});
  door.listening = {};
  auto bound = listening.wait();
  if (!bound) return tl::make_unexpected(std::move(bound.error()));
  endpoint_ = parts_.placement.service_endpoint.empty() ? *bound : parts_.placement.service_endpoint;
  return {};
}

Status Outside::start_directory() {
  const Placement& place = parts_.placement;
  const auto follow_it = [this](links::ViewChanged change) { follow(std::move(change)); };
  const auto started = [this](const Address& at) {
    announcer_->set(Ref<links::LocalMembers>{at});
    {
      const std::lock_guard lock(announcing_);
      said_.clear();
    }
    board_changed();
  };
  if (!place.has(Role::router)) {
    links::DirectoryClientSetup client{place.hub, place.directory_endpoint, place.directory_key, follow_it};
    supervise("directory client", [client] { return links::make_directory_client(client); }, started);
    return {};
  }
  const Listening listening;
  links::DirectoryDoorSetup door;
  door.hub = place.hub;
  door.registry.epoch = place.epoch;
  door.registry.aliases = parts_.aliases;
  door.registry.allow_mixed_numerics = place.allow_mixed_numerics;
  door.endpoint = place.directory_bind;
  door.listening = listening.promise();
  door.follow = follow_it;
  supervise("directory door", [door] { return links::make_directory_door(door); }, started);
  door.listening = {};
  auto bound = listening.wait();
  if (!bound) return tl::make_unexpected(std::move(bound.error()));
  return {};
}

void Outside::start_follower() {
  const links::FollowerSetup setup{parts_.placement.hub, parts_.system, parts_.placement.epoch, parts_.directory,
                                   [board = parts_.board] { return board->view()->draining; }};
  supervise(
      "follower", [setup] { return links::make_follower(setup); },
      [this](const Address& at) {
        const Ref<links::ViewChanged> ref{at};
        follower_->set(ref);
        const std::lock_guard lock(mutex_);
        if (view_) ref.send({view_, true, {}});
      });
}

void Outside::follow(links::ViewChanged change) {
  {
    const std::lock_guard lock(mutex_);
    view_ = change.view;
  }
  if (!parts_.placement.has(Role::router) && parts_.placement.has(Role::gateway)) {
    parts_.directory->send(Report{"router",
                                  change.reachable ? Health::ready : Health::failed,
                                  change.reachable ? "" : "the directory cannot be reached: " + change.detail,
                                  {},
                                  {}});
  }
  follower_->send(std::move(change));
}

std::shared_ptr<const messages::View> Outside::view() {
  const std::lock_guard lock(mutex_);
  return view_ ? view_ : std::make_shared<const messages::View>();
}

void Outside::board_changed() { announce(Say::news); }

void Outside::withdraw(const std::string& service_id) {
  if (!parts_.placement.has(Role::router)) return;
  Ref<links::Withdrawn>{announcer_->get().address()}.send({service_id});
}

void Outside::work_began() {
  if (ticking_.exchange(true)) return;
  parts_.system->at(parts_.effects->clock().now() + kLoadEvery, [this] { tick(); });
}

void Outside::tick() {
  announce(Say::anyway);
  const bool idle = std::all_of(parts_.local_ids.begin(), parts_.local_ids.end(), [this](const std::string& id) {
    const auto load = parts_.load(id);
    return load.queue + load.running == 0;
  });
  ticking_ = false;
  if (!idle) work_began();
}

void Outside::announce(Say say) {
  // Held until it is sent: whoever read the board last has the last word.
  const std::lock_guard lock(announcing_);
  messages::Announcement announcement;
  const auto view = parts_.board->view();
  for (const auto& service : view->services) {
    if (!is_local(service.status.id)) continue;
    messages::Member member;
    member.status = service.status;
    member.status.detail.resize(std::min(member.status.detail.size(), kDetailBytes));
    if (view->draining) member.status.health = Health::draining;
    member.model = service.model;
    member.epoch = parts_.placement.epoch;
    member.endpoint = endpoint_;
    member.server_key = parts_.placement.public_key;
    if (const auto it = parts_.numerics.find(service.status.id); it != parts_.numerics.end())
      member.numerics = it->second;
    member.load = parts_.load(service.status.id);
    announcement.members.push_back(std::move(member));
  }
  std::string saying = fingerprint(announcement);
  if (saying == said_ && say == Say::news) return;
  said_ = std::move(saying);
  announcer_->send({std::move(announcement)});
}

bool Outside::is_local(const std::string& id) const {
  return std::find(parts_.local_ids.begin(), parts_.local_ids.end(), id) != parts_.local_ids.end();
}

Expected<Ref<ServiceMessage>> Outside::find(const std::string& model) const {
  const auto view = parts_.board->view();
  const std::string name = view->resolve(model);
  for (const auto& service : view->services) {
    if (!is_local(service.status.id)) continue;
    if ((service.model ? service.model->name : service.status.model) != name) continue;
    if (view->draining) return fail(Errc::draining, fmt::format("service '{}' is shutting down", service.status.id));
    if (service.status.health == Health::ready && service.ref) return service.ref;
    const bool loading = service.status.health == Health::loading;
    return tl::make_unexpected(Error{loading ? Errc::loading : Errc::unavailable,
                                     fmt::format("service '{}' {}: {}", service.status.id,
                                                 loading ? "is loading" : "is down", service.status.detail),
                                     "model", std::chrono::seconds(1)});
  }
  return fail(Errc::not_found, fmt::format("this service does not have the model '{}'", model), "model");
}

std::vector<Ref<ServiceMessage>> Outside::all() const {
  std::vector<Ref<ServiceMessage>> refs;
  const auto view = parts_.board->view();
  for (const auto& service : view->services) {
    if (is_local(service.status.id) && service.ref && service.status.health != Health::failed) {
      refs.push_back(service.ref);
    }
  }
  return refs;
}

}  // namespace zenith::services
