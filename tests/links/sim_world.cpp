#include "sim_world.hpp"

#include <fmt/format.h>

#include <map>

namespace zenith::links::sim {

using namespace actors;
using namespace std::chrono_literals;
using messages::Health;
using messages::Role;

namespace {

std::string word(const std::string& prompt, std::uint32_t index) { return fmt::format("{}:{} ", prompt, index); }

}  // namespace

struct SimText final : Actor<ServiceMessage> {
  explicit SimText(std::size_t& open) : open_count(open) {}
  ~SimText() override { open_count -= streams.size(); }

  struct Stream {
    Submit submit;
    std::uint32_t next = 0, credit = 0;
    bool started = false;
  };

  void on(ServiceMessage message, Context& self) override {
    if (auto* submit = std::get_if<Submit>(&message)) {
      const RequestId id = submit->request->header.id;
      const auto& resume = submit->request->resume;
      Stream stream{std::move(*submit), 0, 0, false};
      if (!resume.empty()) stream.next = static_cast<std::uint32_t>(resume[0].tokens.size());
      stream.credit = stream.submit.request->credit_events - stream.submit.request->credit_spent;
      self.watch(stream.submit.session.address());
      open_count += streams.try_emplace(id, std::move(stream)).second ? 1 : 0;
      self.wake_at(self.now() + 1ms);
    } else if (const auto* cancel = std::get_if<CancelWork>(&message)) {
      open_count -= streams.erase(cancel->id);
    } else if (const auto* grant = std::get_if<GrantWork>(&message)) {
      if (const auto it = streams.find(grant->id); it != streams.end()) it->second.credit += grant->events;
      self.wake_at(self.now() + 1ms);
    } else if (const auto* ping = std::get_if<Ping>(&message)) {
      ping->answer.keep(Pong{});
    }
  }

  void on_down(const Down& down, Context&) override {
    open_count -=
        std::erase_if(streams, [&](const auto& s) { return s.second.submit.session.address().id() == down.who; });
  }

  void on_wake(Context& self) override {
    for (auto it = streams.begin(); it != streams.end();) {
      if (step(it->second)) {
        it = streams.erase(it);
        --open_count;
      } else {
        ++it;
      }
    }
    if (!streams.empty()) self.wake_at(self.now() + 1ms);
  }

  static bool step(Stream& s) {
    const auto& request = *s.submit.request;
    const auto say = [&](messages::Event event) {
      s.submit.session.send(FromService{std::move(event), s.submit.attempt});
    };
    if (!std::exchange(s.started, true)) say(messages::Started{3});
    if (s.next < *request.max_tokens) {
      if (s.credit == 0) return false;
      --s.credit;
      messages::Delta delta;
      delta.content = word(std::get<std::string>(request.prompt), s.next);
      delta.tokens = {static_cast<TokenId>(s.next)};
      ++s.next;
      say(std::move(delta));
      return false;
    }
    say(messages::ChoiceEnd{0, messages::FinishReason::length, s.next, 0});
    say(messages::Finished{{3, s.next, 0, 0}, {}});
    return true;
  }

  std::map<RequestId, Stream> streams;
  std::size_t& open_count;
};

struct World::Process {
  std::unique_ptr<SimHub> hub;
  std::vector<Address> actors;
  std::size_t open = 0;
  Ref<ServiceMessage> service;
  Ref<LocalMembers> announcer;
};

World::World(std::uint64_t seed, int texts)
    : net(seed, Weather{}), system_(net.clock(), {.workers = 1, .deterministic = true}) {
  net.attach(system_);
  board_ = std::make_shared<Board>(std::map<std::string, std::string>{});
  directory_ = std::make_shared<SharedRef<DirectoryMessage>>();
  router_ = std::make_shared<SharedRef<RouterMessage>>();
  directory_->set(system_.spawn_as<DirectoryMessage>("directory", make_directory(board_)));
  router_->set(system_.spawn_as<RouterMessage>("router", make_router(board_)));
  gateway_ = std::make_unique<Process>();
  gateway_->hub = std::make_unique<SimHub>(net, "gateway", ++epochs_);
  const Ref<ViewChanged> follower{
      system_.spawn("follower", make_follower({gateway_->hub.get(), &system_, 1, directory_}))};
  system_.spawn("directory client",
                make_directory_client({gateway_->hub.get(), "sim://directory", "",
                                       [follower](ViewChanged view) { follower.send(std::move(view)); }}));
  texts_.resize(static_cast<std::size_t>(texts));
  start_directory();
  for (int i = 0; i < texts; ++i) start_text(i);
}

World::~World() { system_.stop(); }

void World::end(std::unique_ptr<Process>& process) {
  if (!process) return;
  process->hub->die();
  for (const Address& actor : process->actors) system_.kill(actor);
  dead_.push_back(std::move(process));
}

void World::start_directory() {
  if (directory_process_) return;
  directory_process_ = std::make_unique<Process>();
  Process& p = *directory_process_;
  const std::uint64_t epoch = ++epochs_;
  p.hub = std::make_unique<SimHub>(net, "directory", epoch);
  DirectoryDoorSetup door;
  door.hub = p.hub.get();
  door.registry.epoch = epoch;
  door.endpoint = "sim://directory";
  p.actors.push_back(system_.spawn("directory door", make_directory_door(std::move(door))));
}

void World::kill_directory() { end(directory_process_); }

void World::start_text(int index) {
  auto& slot = texts_[static_cast<std::size_t>(index)];
  if (slot) return;
  slot = std::make_unique<Process>();
  Process& p = *slot;
  const std::uint64_t epoch = ++epochs_;
  const std::string id = text_id(index), endpoint = "sim://" + id;
  p.hub = std::make_unique<SimHub>(net, id, epoch);
  p.service = system_.spawn_as<ServiceMessage>(id, std::make_unique<SimText>(p.open));
  DoorSetup door;
  door.hub = p.hub.get();
  door.system = &system_;
  door.effects = &effects_;
  door.sessions = &remote_sessions_;
  door.endpoint = endpoint;
  door.find = [service = p.service](const std::string&) -> Expected<Ref<ServiceMessage>> { return service; };
  door.all = [service = p.service] { return std::vector{service}; };
  p.actors.push_back(p.service.address());
  p.actors.push_back(system_.spawn("door of " + id, make_service_door(std::move(door))));
  p.actors.push_back(system_.spawn("client of " + id, make_directory_client({p.hub.get(), "sim://directory", "", {}})));
  messages::Member member;
  member.status = {Role::text, id, Health::ready, "m", {}};
  member.model = messages::ModelEntry{};
  member.model->name = "m";
  member.model->generation = Generation{7};
  member.epoch = epoch;
  member.endpoint = endpoint;
  member.numerics = "sim";
  Ref<LocalMembers>{p.actors.back()}.send({messages::Announcement{{member}}});
}

void World::kill_text(int index) { end(texts_[static_cast<std::size_t>(index)]); }

void World::hang_text(int index, Duration time) {
  if (auto& p = texts_[static_cast<std::size_t>(index)]) p->hub->hang(time);
}

void World::cut_text(int index, Duration time) { net.cut("gateway", text_id(index), time); }

std::string World::Client::expected() const {
  std::string all;
  for (std::uint32_t i = 0; i < words; ++i) all += word(prompt, i);
  return all;
}

World::Client& World::ask(std::uint32_t words, Duration deadline) {
  Client& client = clients.emplace_back();
  client.prompt = fmt::format("p{}", clients.size());
  client.words = words;
  auto request = std::make_shared<messages::Generate>();
  request->header.id = RequestId{clients.size()};
  request->header.deadline = {net.clock().now() + deadline};
  request->model = "m";
  request->prompt = client.prompt;
  request->max_tokens = words;
  request->sampling.seed = 1;
  auto entry = sessions_.admit(request->header.id);
  auto sink = [this, &client](messages::Event event) {
    if (client.last_events > 0) ++client.after_last;
    if (const auto* delta = std::get_if<messages::Delta>(&event)) client.got += delta->content;
    if (const auto* error = std::get_if<Error>(&event)) client.error = *error;
    if (messages::is_last(event)) ++client.last_events;
    net.note(client.prompt, event.index());
  };
  const RequestId id = request->header.id;
  sessions_.bind(id,
                 Ref<SessionMessage>{system_.spawn(
                     client.prompt, make_session({request, std::move(*entry), router_,
                                                  GuardedSink{sink, Error{Errc::internal, "no answer", {}, {}}}}))});
  return client;
}

void World::cancel(std::size_t client) {
  clients[client].cancelled = true;
  sessions_.send(RequestId{client + 1}, CancelSession{{Errc::cancelled, "gone", {}, {}}});
}

bool World::all_ended() const {
  for (const Client& client : clients) {
    if (client.last_events == 0) return false;
  }
  return true;
}

std::size_t World::open_work() const {
  std::size_t open = 0;
  for (const auto& p : texts_) open += p ? p->open : 0;
  return open;
}

int World::serving() const {
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    if (texts_[i] && texts_[i]->open > 0) return static_cast<int>(i);
  }
  return -1;
}

bool World::text_ready() const {
  std::size_t ready = 0;
  for (const auto& service : board_->view()->services) ready += service.status.health == Health::ready && service.ref;
  return ready == texts_.size();
}

}  // namespace zenith::links::sim
