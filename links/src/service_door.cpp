#include "zenith/links/service_door.hpp"

#include <functional>
#include <map>

#include "recent.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links {
namespace {

using namespace actors;
using wire::Kind;

template <class Request>
struct AnswerTo;
template <>
struct AnswerTo<messages::Embed> {
  using type = messages::Embeddings;
};
template <>
struct AnswerTo<messages::Tokenize> {
  using type = messages::Tokens;
};
template <>
struct AnswerTo<messages::Detokenize> {
  using type = messages::Text;
};
template <>
struct AnswerTo<messages::ApplyTemplate> {
  using type = messages::Text;
};
template <>
struct AnswerTo<messages::ReadImage> {
  using type = messages::ImageReading;
};

template <>
struct AnswerTo<messages::Transcribe> {
  using type = messages::Transcript;
};

template <>
struct AnswerTo<messages::ReadWindow> {
  using type = messages::Window;
};
template <>
struct AnswerTo<messages::SetSensor> {
  using type = messages::Text;
};

constexpr std::size_t kRemembered = 1024;  // cancels of one client

/// Where the answers to one request go.
struct Caller {
  Hub* hub = nullptr;
  LinkId link;
  std::uint64_t id = 0;
  std::uint16_t attempt = 0;

  void answer(wire::Message message) const {
    message.header.attempt = attempt;
    auto sent = hub->send(link, std::move(message));
    if (sent) return;
    auto failure = reply_to_wire(RequestId{id}, Reply{std::move(sent.error())});
    failure.header.attempt = attempt;
    static_cast<void>(hub->send(link, std::move(failure)));
  }
  void answer(const messages::Event& event) const { answer(event_to_wire(RequestId{id}, event)); }
  void refuse(Error why) const { answer(messages::Event{std::move(why)}); }
};

/// What a request is called on its way to the service.
template <class Request>
struct WorkOf;
template <>
struct WorkOf<messages::Generate> {
  using type = Submit;
};
template <>
struct WorkOf<messages::Speak> {
  using type = SpeakWork;
};
template <>
struct WorkOf<messages::Watch> {
  using type = WatchWork;
};

/// One stream of events for a client in another process.
template <class Request>
class RemoteSession final : public Actor<SessionMessage> {
 public:
  RemoteSession(std::shared_ptr<const Request> request, SessionTable::Entry entry, Ref<ServiceMessage> service,
                Caller caller)
      : request_(std::move(request)), entry_(std::move(entry)), service_(std::move(service)), caller_(caller) {}

  void on_start(Context& self) override {
    self.watch(service_.address());
    self.wake_at(request_->header.deadline.at);
    service_.send(typename WorkOf<Request>::type{request_, self.template ref<SessionMessage>(), caller_.attempt});
  }

  void on(SessionMessage message, Context& self) override {
    if (const auto* from = std::get_if<FromService>(&message)) {
      caller_.answer(from->event);
      if (messages::is_last(from->event)) self.quit();
    } else if (const auto* grant = std::get_if<ClientGrant>(&message)) {
      service_.send(GrantWork{request_->header.id, grant->events}, Urgency::high);
    } else if (auto* cancel = std::get_if<CancelSession>(&message)) {
      service_.send(CancelWork{request_->header.id}, Urgency::high);
      if (cancel->why.code == Errc::cancelled) return self.quit();  // nobody waits for an answer
      end_with(std::move(cancel->why), self);
    }
  }

  void on_wake(Context& self) override {
    service_.send(CancelWork{request_->header.id}, Urgency::high);
    end_with({Errc::deadline, "the request's time is over", {}, {}}, self);
  }

  void on_down(const Down& down, Context& self) override {
    end_with(
        {Errc::unavailable, "the service failed and is being restarted: " + down.reason, {}, std::chrono::seconds(1)},
        self);
  }

 private:
  void end_with(Error why, Context& self) {
    caller_.refuse(std::move(why));
    self.quit();
  }

  std::shared_ptr<const Request> request_;
  SessionTable::Entry entry_;
  Ref<ServiceMessage> service_;
  Caller caller_;
};

using Key = std::pair<LinkId, std::uint64_t>;  ///< a request, by its client's link and number

struct OpenCall {
  std::function<void(Error)> end;
  TimerId deadline = 0;
};

/// A call was answered.
struct CallDone {
  Key key;
};

class ServiceDoor final : public Actor<LinkMessage, CallDone> {
 public:
  explicit ServiceDoor(DoorSetup setup) : setup_(std::move(setup)) {}
  ~ServiceDoor() override {
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

  void on(LinkMessage message, Context& self) override {
    if (const auto* down = std::get_if<LinkDown>(&message)) {
      end_link(down->link);
    } else if (auto* received = std::get_if<Received>(&message)) {
      on_received(received->link, received->message, self);
    }
  }

  void on(CallDone done, Context&) override {
    const auto call = calls_.extract(done.key);
    if (call) setup_.system->cancel_timer(call.mapped().deadline);
  }

  void on_down(const Down& down, Context&) override {
    const auto it = by_session_.find(down.who);
    if (it == by_session_.end()) return;
    sessions_.erase(it->second);
    by_session_.erase(it);
  }

 private:
  void on_received(LinkId link, const wire::Message& message, Context& self) {
    const Key key{link, message.header.request_id};
    switch (message.header.kind) {
      case Kind::request: return on_request(link, message, self);
      case Kind::cancel: return on_cancel(key, message.header);
      case Kind::grant: {
        const auto events = grant_from_wire(message);
        if (!events) return setup_.hub->reset(link, events.error());
        if (const auto it = sessions_.find(key); it != sessions_.end())
          it->second.send(ClientGrant{*events}, Urgency::high);
        return;
      }
      case Kind::ping: return on_ping(link, message.header.request_id);
      default: setup_.hub->reset(link, {Errc::bad_frame, "a message that a service does not take", {}, {}});
    }
  }

  void on_request(LinkId link, const wire::Message& message, Context& self) {
    const Caller caller{setup_.hub, link, message.header.request_id, message.header.attempt};
    if (const auto it = cancelled_.find(link); it != cancelled_.end() && it->second.has(caller.id, caller.attempt)) {
      return;  // its cancel overtook it
    }
    auto request = request_from_wire(message, self.now());
    if (!request) return caller.refuse(std::move(request.error()));
    std::visit(
        [&](auto& r) {
          auto service = setup_.find(r.model);
          if (!service) return caller.refuse(std::move(service.error()));
          r.header.id = setup_.effects->next_request_id();
          auto entry = setup_.sessions->admit(r.header.id);
          if (!entry) return caller.refuse(std::move(entry.error()));
          start(std::move(r), std::move(*entry), *service, caller, self);
        },
        *request);
  }

  void start(messages::Generate request, SessionTable::Entry entry, const Ref<ServiceMessage>& service,
             const Caller& caller, Context& self) {
    start_stream(std::move(request), std::move(entry), service, caller, self);
  }
  void start(messages::Speak request, SessionTable::Entry entry, const Ref<ServiceMessage>& service,
             const Caller& caller, Context& self) {
    start_stream(std::move(request), std::move(entry), service, caller, self);
  }

  void start(messages::Watch request, SessionTable::Entry entry, const Ref<ServiceMessage>& service,
             const Caller& caller, Context& self) {
    start_stream(std::move(request), std::move(entry), service, caller, self);
  }

  template <class Request>
  void start_stream(Request request, SessionTable::Entry entry, const Ref<ServiceMessage>& service,
                    const Caller& caller, Context& self) {
    const RequestId id = request.header.id;
    auto session = std::make_unique<RemoteSession<Request>>(std::make_shared<const Request>(std::move(request)),
                                                            std::move(entry), service, caller);
    const Ref<SessionMessage> ref{setup_.system->spawn("remote session", std::move(session))};
    if (!ref) return caller.refuse({Errc::draining, "the service is shutting down", {}, {}});
    setup_.sessions->bind(id, ref);
    const Key key{caller.link, caller.id};
    sessions_[key] = ref;
    by_session_[ref.address().id()] = key;
    self.watch(ref.address());
  }

  template <class Request>
  void start(Request request, SessionTable::Entry entry, const Ref<ServiceMessage>& service, const Caller& caller,
             Context& self) {
    using Answer = typename AnswerTo<Request>::type;
    auto place = std::make_shared<SessionTable::Entry>(std::move(entry));
    const Key key{caller.link, caller.id};
    Promise<Answer> answer{
        [caller, place, key, me = self.ref<CallDone>()](Expected<Answer> result) {
          me.send({key});
          caller.answer(reply_to_wire(RequestId{caller.id},
                                      result ? Reply{std::move(*result)} : Reply{std::move(result.error())}));
        },
        Error{Errc::unavailable, "the service failed and is being restarted: retry", {}, std::chrono::seconds(1)}};
    const auto late = [end = answer.breaker()] { end({Errc::deadline, "the request's time is over", {}, {}}); };
    calls_[key] = {answer.breaker(), setup_.system->at(request.header.deadline.at, late)};
    service.send(Call<Request, Answer>{std::move(request), std::move(answer)});
  }

  void on_cancel(const Key& key, const wire::Header& header) {
    const Error why{Errc::cancelled, "the client stopped it", {}, {}};
    if (const auto it = sessions_.find(key); it != sessions_.end()) {
      it->second.send(CancelSession{why}, Urgency::high);
    } else if (const auto call = calls_.find(key); call != calls_.end()) {
      call->second.end(why);
    } else {
      cancelled_.try_emplace(key.first, kRemembered).first->second.add(key.second, header.attempt);
    }
  }

  void on_ping(LinkId link, std::uint64_t number) {
    // Kept by the last copy that goes: when every service has answered, or has died (the directory knows that).
    const Promise<Pong> all{[hub = setup_.hub, link, number](const Expected<Pong>&) {
                              wire::Message pong;
                              pong.header.kind = Kind::pong;
                              pong.header.request_id = number;
                              static_cast<void>(hub->send(link, std::move(pong), Lane::overtaking));
                            },
                            Error{}};
    for (const auto& service : setup_.all()) {
      service.send(Ping{Promise<Pong>{[all](const Expected<Pong>&) {}, Error{}}}, Urgency::high);
    }
  }

  void end_link(LinkId link) {
    const Error why{Errc::cancelled, "the client's link was lost", {}, {}};
    for (auto it = sessions_.lower_bound({link, 0}); it != sessions_.end() && it->first.first == link; ++it) {
      it->second.send(CancelSession{why}, Urgency::high);
    }
    for (auto it = calls_.lower_bound({link, 0}); it != calls_.end() && it->first.first == link; ++it)
      it->second.end(why);
    cancelled_.erase(link);
  }

  DoorSetup setup_;
  std::optional<ListenerId> listener_;
  std::map<Key, Ref<SessionMessage>> sessions_;
  std::map<ActorId, Key> by_session_;
  std::map<Key, OpenCall> calls_;
  std::map<LinkId, Recent> cancelled_;  // whose cancels came first
};

}  // namespace

std::unique_ptr<Behaviour> make_service_door(DoorSetup setup) {
  return std::make_unique<ServiceDoor>(std::move(setup));
}

}  // namespace zenith::links
