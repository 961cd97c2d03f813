#include "zenith/links/directory_link.hpp"

#include <map>
#include <optional>

#include "zenith/core/log.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links {
namespace {

using namespace actors;
using wire::Kind;

constexpr Duration kViewPause = std::chrono::milliseconds(20);
constexpr Duration kForgetEvery = std::chrono::seconds(15);

void pong(Hub& hub, LinkId link, std::uint64_t number) {
  wire::Message message;
  message.header.kind = Kind::pong;
  message.header.request_id = number;
  static_cast<void>(hub.send(link, std::move(message), Lane::overtaking));
}

class DirectoryDoor final : public Actor<LinkMessage, LocalMembers, Withdrawn> {
 public:
  explicit DirectoryDoor(DirectoryDoorSetup setup) : setup_(std::move(setup)), registry_(setup_.registry) {}
  ~DirectoryDoor() override {
    if (listener_) setup_.hub->close(*listener_);
  }

  void on_start(Context& self) override {
    auto listener = setup_.hub->listen(setup_.endpoint, self.ref<LinkMessage>());
    if (!listener) {
      setup_.listening.break_with(listener.error());
      return self.quit(std::move(listener.error()));
    }
    listener_ = *listener;
    setup_.listening.keep(setup_.hub->bound(*listener_));
  }

  void on(LocalMembers local, Context& self) override {
    const Source here{0, setup_.registry.epoch};
    if (auto ok = registry_.announce(here, std::move(local.announcement)); !ok) {
      log(LogLevel::error, "directory", ok.error().message);
    }
    changed(self);
  }

  void on(Withdrawn withdrawn, Context& self) override {
    registry_.withdraw(withdrawn.service_id);
    changed(self);
  }

  void on(LinkMessage message, Context& self) override {
    if (const auto* up = std::get_if<LinkUp>(&message)) {
      links_[up->link] = up->peer.epoch;
      send_view(up->link);
    } else if (const auto* down = std::get_if<LinkDown>(&message)) {
      links_.erase(down->link);
      registry_.lost(down->link.value, down->why.message, self.now());
      changed(self);
    } else if (const auto* received = std::get_if<Received>(&message)) {
      on_received(received->link, received->message, self);
    }
  }

  void on_wake(Context& self) override {
    publish_planned_ = false;
    registry_.forget_old(self.now());
    if (sent_ != registry_.view().version) publish();
    if (!registry_.view().members.empty()) self.wake_at(self.now() + kForgetEvery);
  }

 private:
  void on_received(LinkId link, const wire::Message& message, Context& self) {
    if (message.header.kind == Kind::ping) return pong(*setup_.hub, link, message.header.request_id);
    if (message.header.kind != Kind::announce) {
      return setup_.hub->reset(link, {Errc::bad_frame, "a message that the directory does not take", {}, {}});
    }
    const auto from = links_.find(link);
    if (from == links_.end()) return;
    auto announcement = announcement_from_wire(message);
    if (!announcement) return setup_.hub->reset(link, std::move(announcement.error()));
    const Source source{link.value, from->second};
    if (auto ok = registry_.announce(source, std::move(*announcement)); !ok) {
      log(LogLevel::warn, "directory", "an announcement was refused", {{"reason", ok.error().message}});
      setup_.hub->reset(link, std::move(ok.error()));
    }
    changed(self);
  }

  void changed(Context& self) {
    if (publish_planned_ || sent_ == registry_.view().version) return;
    publish_planned_ = true;
    self.wake_at(self.now() + kViewPause);
  }

  void publish() {
    sent_ = registry_.view().version;
    for (const auto& [link, epoch] : links_) send_view(link);
    if (setup_.follow) setup_.follow({std::make_shared<const messages::View>(registry_.view()), true, {}});
  }

  void send_view(LinkId link) { static_cast<void>(setup_.hub->send(link, view_to_wire(registry_.view()))); }

  DirectoryDoorSetup setup_;
  Registry registry_;
  std::optional<ListenerId> listener_;
  std::map<LinkId, std::uint64_t> links_;  // and the epochs of who is there
  std::uint64_t sent_ = 0;
  bool publish_planned_ = false;
};

class DirectoryClient final : public Actor<LinkMessage, LocalMembers> {
 public:
  explicit DirectoryClient(DirectoryClientSetup setup) : setup_(std::move(setup)) {}
  ~DirectoryClient() override {
    if (dial_) setup_.hub->hang_up(*dial_);
  }

  void on_start(Context& self) override {
    auto dial = setup_.hub->dial(setup_.endpoint, setup_.server_key, self.ref<LinkMessage>());
    if (!dial) return self.quit(std::move(dial.error()));
    dial_ = *dial;
  }

  void on(LocalMembers local, Context&) override {
    announcement_ = std::move(local.announcement);
    announce();
  }

  void on(LinkMessage message, Context&) override {
    if (const auto* up = std::get_if<LinkUp>(&message)) {
      link_ = up->link;
      listed_ = false;
      announce();
      follow(true, {});
    } else if (const auto* down = std::get_if<LinkDown>(&message)) {
      if (down->link == link_) link_ = LinkId{};
      log(LogLevel::warn, "directory", "the directory cannot be reached; what it said last stays in force",
          {{"endpoint", setup_.endpoint}, {"reason", down->why.message}});
      follow(false, down->why.message);
    } else if (const auto* received = std::get_if<Received>(&message)) {
      if (received->message.header.kind != Kind::view) return;
      auto view = view_from_wire(received->message);
      if (!view) return setup_.hub->reset(link_, std::move(view.error()));
      view_ = std::make_shared<const messages::View>(std::move(*view));
      follow(true, {});
    }
  }

 private:
  // Nothing is news where something was said before.
  void announce() {
    if (link_.value == 0 || (announcement_.members.empty() && !listed_)) return;
    listed_ = !announcement_.members.empty();
    static_cast<void>(setup_.hub->send(link_, announcement_to_wire(announcement_)));
  }
  void follow(bool reachable, std::string detail) {
    if (setup_.follow) setup_.follow({view_, reachable, std::move(detail)});
  }

  DirectoryClientSetup setup_;
  std::optional<DialId> dial_;
  LinkId link_;
  bool listed_ = false;  // the directory has members of this process, by this link
  messages::Announcement announcement_;
  std::shared_ptr<const messages::View> view_ = std::make_shared<const messages::View>();
};

}  // namespace

std::unique_ptr<Behaviour> make_directory_door(DirectoryDoorSetup setup) {
  return std::make_unique<DirectoryDoor>(std::move(setup));
}
std::unique_ptr<Behaviour> make_directory_client(DirectoryClientSetup setup) {
  return std::make_unique<DirectoryClient>(std::move(setup));
}

}  // namespace zenith::links
