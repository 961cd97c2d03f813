// A hub whose links a test makes and ends by hand. One thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "zenith/links/hub.hpp"

namespace zenith::links {

class FakeHub final : public Hub {
 public:
  struct Dial {
    std::string endpoint, server_key;
    actors::Ref<LinkMessage> owner;
    bool hung_up = false;
  };

  Expected<ListenerId> listen(const std::string&, actors::Ref<LinkMessage> owner) override {
    listener = std::move(owner);
    return ListenerId{1};
  }
  std::string bound(ListenerId) const override { return "fake://here"; }
  Expected<DialId> dial(const std::string& endpoint, const std::string& server_key,
                        actors::Ref<LinkMessage> owner) override {
    dials.push_back({endpoint, server_key, std::move(owner)});
    return DialId{dials.size()};
  }
  void hang_up(DialId dial) override { dials.at(dial.value - 1).hung_up = true; }
  void close(ListenerId) override {}
  Status send(LinkId link, wire::Message message, Lane) override {
    sent.emplace_back(link, std::move(message));
    return {};
  }
  void reset(LinkId link, Error why) override { resets.emplace_back(link, std::move(why)); }

  /// A peer of this epoch dials the listener.
  LinkId come(std::uint64_t epoch) {
    const LinkId link = next();
    listener.send(LinkUp{link, ListenerId{1}, {epoch, "peer", {}, {}, {}}});
    return link;
  }
  /// A process of this epoch answers the dial.
  LinkId answer(std::size_t dial, std::uint64_t epoch) {
    const LinkId link = next();
    dials.at(dial).owner.send(LinkUp{link, DialId{dial + 1}, {epoch, "peer", {}, {}, {}}});
    return link;
  }
  void lose(std::size_t dial, LinkId link) {
    dials.at(dial).owner.send(LinkDown{link, DialId{dial + 1}, {Errc::unavailable, "gone", {}, {}}});
  }
  std::vector<std::string> open_endpoints() const {
    std::vector<std::string> open;
    for (const Dial& dial : dials) {
      if (!dial.hung_up) open.push_back(dial.endpoint);
    }
    return open;
  }

  actors::Ref<LinkMessage> listener;
  std::vector<Dial> dials;
  std::vector<std::pair<LinkId, wire::Message>> sent;
  std::vector<std::pair<LinkId, Error>> resets;

 private:
  LinkId next() { return LinkId{++last_}; }
  std::uint64_t last_ = 0;
};

}  // namespace zenith::links
