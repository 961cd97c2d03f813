#include "zenith/links/remote_process.hpp"

#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <optional>
#include <unordered_map>

#include "zenith/core/log.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links {
namespace {

using namespace actors;

/// Of requests on the wire: unique in this process, so that a late answer can never be taken for another's.
std::uint64_t next_wire_id() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

/// Nobody waits for the answer to this call any more.
struct GivenUp {
  std::uint64_t wire_id = 0;
};

class RemoteProcess final : public Actor<ServiceMessage, LinkMessage, GivenUp> {
 public:
  explicit RemoteProcess(RemoteSetup setup) : setup_(std::move(setup)) {}
  ~RemoteProcess() override {
    if (dial_) setup_.hub->hang_up(*dial_);
  }

  void on_start(Context& self) override {
    auto dial = setup_.hub->dial(setup_.endpoint, setup_.server_key, self.ref<LinkMessage>());
    if (!dial) {
      tell(RemoteState::Is::unreachable, dial.error().message);
      return self.quit(std::move(dial.error()));
    }
    dial_ = *dial;
  }

  void on(ServiceMessage message, Context& self) override {
    std::visit([&](auto& m) { handle(m, self); }, message);
  }

  void on(LinkMessage message, Context& self) override {
    if (const auto* up = std::get_if<LinkUp>(&message)) {
      link_ = up->link;
      peer_ = up->peer;
      tell(RemoteState::Is::up, {});
    } else if (const auto* suspect = std::get_if<LinkSuspect>(&message)) {
      on_suspect(suspect->suspect);
    } else if (auto* down = std::get_if<LinkDown>(&message)) {
      tell(RemoteState::Is::unreachable, down->why.message);
      if (down->link.value != 0) end(std::move(down->why), self);
    } else if (auto* received = std::get_if<Received>(&message)) {
      on_received(received->message, self);
    }
  }

  void on(GivenUp call, Context&) override {
    if (calls_.erase(call.wire_id) == 0) return;
    static_cast<void>(setup_.hub->send(link_, cancel_to_wire(RequestId{call.wire_id}), Lane::overtaking));
  }

  void on_down(const Down& down, Context& self) override {
    const auto it = by_session_.find(down.who);
    if (it != by_session_.end()) cancel(it->second, self);
  }

 private:
  /// What one request has taken on the way there and back.
  struct Traffic {
    std::uint64_t bytes = 0;
    std::uint32_t copies_back = 0;
    std::shared_ptr<std::atomic<std::uint32_t>> copies_there = std::make_shared<std::atomic<std::uint32_t>>(0);

    void sends(wire::Message& message) {
      bytes += size_of(message);
      message.copied = copies_there;
    }
    void received(const wire::Message& message) {
      bytes += size_of(message);
      const bool shared = (message.header.flags & wire::kShared) != 0;
      for (const Tensor& tensor : message.tensors) {
        if (shared || tensor.data.size() <= wire::kInlineBytes) ++copies_back;
      }
    }
    void tell(messages::Spent& spent) const {
      spent.bytes = bytes;
      spent.copies = copies_there->load() + copies_back;
    }
    static std::uint64_t size_of(const wire::Message& message) {
      std::uint64_t all = message.body.size();
      for (const Tensor& tensor : message.tensors) all += tensor.data.size();
      return all;
    }
  };
  struct Stream {
    RequestId request;
    std::uint32_t attempt = 1;
    Ref<SessionMessage> session;
    Traffic traffic;
  };
  struct Waiting {
    std::function<void(Reply, const Traffic&)> answer;
    Traffic traffic;
  };

  /// A process that says goodbye is no failure. (libzmq may lose the goodbye with the connection.)
  void end(Error why, Context& self) {
    const bool regular = why.code == Errc::draining || (setup_.leaving && setup_.leaving());
    if (!regular) return self.quit(std::move(why));
    log(LogLevel::info, "links", "a process has left", {{"endpoint", setup_.endpoint}, {"reason", why.message}});
    self.quit();
  }

  Error unreachable() const {
    return Error{Errc::unavailable,
                 fmt::format("service at {} cannot be reached: retry", setup_.endpoint),
                 {},
                 std::chrono::seconds(1)};
  }

  /// The frames and their order were right: only this request has no answer. Another service may have one.
  Error unreadable(const Error& why) const {
    return Error{Errc::unavailable,
                 fmt::format("service at {} answered what cannot be read: {}", setup_.endpoint, why.message),
                 {},
                 std::chrono::seconds(1)};
  }

  void handle(Submit& submit, Context& self) { begin(submit, self); }
  void handle(SpeakWork& work, Context& self) { begin(work, self); }
  void handle(WatchWork& work, Context& self) { begin(work, self); }

  // What is answered by events.
  template <class Work>
  void begin(Work& submit, Context& self) {
    const RequestId id = submit.request->header.id;
    const auto refuse = [&](Error why) { submit.session.send(FromService{std::move(why), submit.attempt}); };
    if (link_.value == 0) return refuse(unreachable());
    if (const auto old = by_request_.find(id); old != by_request_.end()) cancel(old->second, self);
    auto message = to_wire(*submit.request, self.now());
    if (!message) return refuse(std::move(message.error()));
    const std::uint64_t wire_id = message->header.request_id = next_wire_id();
    message->header.attempt = static_cast<std::uint16_t>(submit.attempt);
    Traffic traffic;
    traffic.sends(*message);
    if (auto ok = setup_.hub->send(link_, std::move(*message)); !ok) return refuse(std::move(ok.error()));
    self.watch(submit.session.address());
    by_session_[submit.session.address().id()] = wire_id;
    by_request_[id] = wire_id;
    streams_[wire_id] = {id, submit.attempt, std::move(submit.session), std::move(traffic)};
  }

  void handle(const CancelWork& message, Context& self) {
    if (const auto it = by_request_.find(message.id); it != by_request_.end()) cancel(it->second, self);
  }

  void handle(const GrantWork& message, Context&) {
    const auto it = by_request_.find(message.id);
    if (it == by_request_.end()) return;
    static_cast<void>(setup_.hub->send(link_, grant_to_wire(RequestId{it->second}, message.events), Lane::overtaking));
  }

  void handle(const Ping& ping, Context&) { ping.answer.keep(Pong{}); }

  template <class Request, class Answer>
  void handle(Call<Request, Answer>& call, Context& self) {
    if (call.answer.kept()) return;
    if (link_.value == 0) return static_cast<void>(call.answer.break_with(unreachable()));
    auto message = to_wire(call.request, self.now());
    if (!message) return static_cast<void>(call.answer.break_with(std::move(message.error())));
    const std::uint64_t wire_id = message->header.request_id = next_wire_id();
    Traffic traffic;
    traffic.sends(*message);
    if (auto ok = setup_.hub->send(link_, std::move(*message)); !ok) {
      return static_cast<void>(call.answer.break_with(std::move(ok.error())));
    }
    call.answer.on_given_up([me = self.ref<GivenUp>(), wire_id] { me.send({wire_id}, Urgency::high); });
    const auto keep = [answer = std::move(call.answer)](Reply reply, const Traffic& all) {
      if (auto* value = std::get_if<Answer>(&reply)) {
        all.tell(value->spent);
        answer.keep(std::move(*value));
      } else if (auto* error = std::get_if<Error>(&reply)) {
        answer.break_with(std::move(*error));
      } else {
        answer.break_with(Error{Errc::bad_frame, "the service answered with something else", {}, {}});
      }
    };
    calls_[wire_id] = {keep, std::move(traffic)};
  }

  void on_received(const wire::Message& message, Context& self) {
    const std::uint64_t id = message.header.request_id;
    if (const auto call = calls_.find(id); call != calls_.end()) {
      auto reply = reply_from_wire(message);
      if (!reply) reply = Reply{unreadable(reply.error())};
      Waiting waiting = std::move(call->second);
      calls_.erase(call);
      waiting.traffic.received(message);
      return waiting.answer(std::move(*reply), waiting.traffic);
    }
    const auto it = streams_.find(id);
    if (it == streams_.end()) return;
    auto event = event_from_wire(message);
    if (!event) {
      it->second.session.send(FromService{unreadable(event.error()), it->second.attempt});
      return cancel(id, self);
    }
    const bool last = messages::is_last(*event);
    it->second.traffic.received(message);
    messages::Spent spent;
    if (last) it->second.traffic.tell(spent);
    it->second.session.send(FromService{std::move(*event), it->second.attempt, spent});
    if (last) forget(id, self);
  }

  void on_suspect(bool suspect) {
    tell(suspect ? RemoteState::Is::suspect : RemoteState::Is::up, suspect ? "it has not answered for a while" : "");
    if (!suspect) return;
    for (const auto& [id, stream] : streams_) stream.session.send(ServiceSuspect{stream.attempt}, Urgency::high);
  }

  void cancel(std::uint64_t wire_id, Context& self) {
    wire::Message message = cancel_to_wire(RequestId{wire_id});
    if (const auto it = streams_.find(wire_id); it != streams_.end()) {
      message.header.attempt = static_cast<std::uint16_t>(it->second.attempt);
    }
    static_cast<void>(setup_.hub->send(link_, std::move(message), Lane::overtaking));
    forget(wire_id, self);
  }

  void forget(std::uint64_t wire_id, Context& self) {
    const auto it = streams_.find(wire_id);
    if (it == streams_.end()) return;
    const Stream& stream = it->second;
    self.unwatch(stream.session.address());
    by_session_.erase(stream.session.address().id());
    by_request_.erase(stream.request);
    streams_.erase(it);
  }

  void tell(RemoteState::Is is, std::string detail) {
    setup_.starter.send(RemoteState{setup_.key, is, peer_, std::move(detail)});
  }

  RemoteSetup setup_;
  std::optional<DialId> dial_;
  LinkId link_;
  Peer peer_;
  std::unordered_map<std::uint64_t, Stream> streams_;
  std::unordered_map<std::uint64_t, Waiting> calls_;
  std::unordered_map<RequestId, std::uint64_t> by_request_;
  std::unordered_map<ActorId, std::uint64_t> by_session_;
};

}  // namespace

std::unique_ptr<Behaviour> make_remote_process(RemoteSetup setup) {
  return std::make_unique<RemoteProcess>(std::move(setup));
}

}  // namespace zenith::links
