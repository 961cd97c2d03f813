// A whole graph without threads: fake clock, actors run by settle(), lane and worker by hand. Every interleaving is the
// test's choice.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "toy.hpp"
#include "zenith/actors/directory.hpp"
#include "zenith/actors/router.hpp"
#include "zenith/actors/supervisor.hpp"
#include "zenith/kernels/thread_pool.hpp"
#include "zenith/services/graph_port.hpp"
#include "zenith/services/text/text_service.hpp"

namespace zenith::services {

using namespace std::chrono_literals;

class ManualLane final : public Lane {
 public:
  void submit(LanePriority, Job job) override {
    if (std::exchange(throw_once, false)) throw std::runtime_error("injected fault");
    jobs.push_back(std::move(job));
  }
  void stop() override { jobs.clear(); }
  bool run_one() {
    if (jobs.empty()) return false;
    const Job job = std::move(jobs.front());
    jobs.pop_front();
    kernels::Exec ex;
    ex.pool = &pool;
    ex.workspace = &workspace;
    job(ex);
    return true;
  }
  std::deque<Job> jobs;
  bool throw_once = false;  ///< a fault inside the actor that submits next
  kernels::ThreadPool pool{1};
  kernels::Workspace workspace;
};

class ManualWorker final : public Worker {
 public:
  Status submit(Job job) override {
    if (jobs.size() >= most) return fail(Errc::overloaded, "too much waits");
    jobs.push_back(std::move(job));
    return {};
  }
  void stop() override { jobs.clear(); }
  bool run_one() {
    if (jobs.empty()) return false;
    const Job job = std::move(jobs.front());
    jobs.pop_front();
    job();
    return true;
  }
  std::deque<Job> jobs;
  std::size_t most = 1000;
};

/// Everything that one request got.
struct Client final : gateway::EventSink {
  void on_event(messages::Event event) override {
    if (messages::is_last(event)) ++last_events;
    if (ended) ++events_after_last;
    ended |= messages::is_last(event);
    if (const auto* started = std::get_if<messages::Started>(&event)) prompt_tokens = started->prompt_tokens;
    if (auto* delta = std::get_if<messages::Delta>(&event)) {
      ++deltas;
      text[delta->choice] += delta->content;
      reasoning += delta->reasoning;
      for (auto& l : delta->logprobs) logprobs.push_back(std::move(l));
    }
    if (const auto* end = std::get_if<messages::ChoiceEnd>(&event)) ends[end->choice] = end->reason;
    if (const auto* done = std::get_if<messages::Finished>(&event)) finished = *done;
    if (auto* e = std::get_if<Error>(&event)) error = std::move(*e);
  }
  int last_events = 0, events_after_last = 0, deltas = 0;
  bool ended = false;
  std::uint32_t prompt_tokens = 0;
  std::map<std::uint32_t, std::string> text;
  std::map<std::uint32_t, messages::FinishReason> ends;
  std::string reasoning;
  std::vector<messages::TokenLogprobs> logprobs;
  std::optional<messages::Finished> finished;
  std::optional<Error> error;
};

enum class Named : std::uint8_t { apart, same /* replicas of one model */ };

struct Graph {
  explicit Graph(ModelSpec base = {}, int count = 1, ModelLoader load = {}, Named named = Named::apart) {
    if (!load) load = [](const ModelSpec&, MemoryLedger&) -> Expected<models::LoadedModel> { return toy::load(); };
    directory->set(system.spawn_as<actors::DirectoryMessage>("directory", actors::make_directory(board)));
    router->set(system.spawn_as<actors::RouterMessage>("router", actors::make_router(board)));
    supervisor = system.spawn_as<actors::SupervisorMessage>("supervisor", actors::make_supervisor({}));
    for (int i = 0; i < count; ++i) {
      ModelSpec spec = base;
      spec.name = i == 0 || named == Named::same ? "toy" : fmt::format("toy{}", i);
      spec.service_id = fmt::format("text-{}", i);
      auto made = make_engine(spec, load, ledger, effects.clock());
      if (!made) throw std::runtime_error(made.error().message);
      engines.push_back(std::move(*made));
      add_service(spec, engines.back());
    }
    settle();
  }
  ~Graph() {
    lane.jobs.clear();
    worker.jobs.clear();
    system.stop();
  }

  void add_service(const ModelSpec& spec, std::shared_ptr<TextEngine> engine) {
    messages::ModelEntry entry;
    entry.name = spec.name;
    directory->send(
        actors::Announce{{messages::Role::text, spec.service_id, messages::Health::loading, spec.name, {}}, entry});
    actors::ChildSpec child;
    child.name = spec.service_id;
    child.start = [this, engine, id = spec.service_id] {
      return system.spawn(id, make_text_service({engine, &lane, &worker, &effects, &metrics}));
    };
    child.started = [this, id = spec.service_id](const actors::Address& at) {
      services[id] = at;
      directory->send(actors::Report{id, messages::Health::ready, {}, {}, actors::Ref<actors::ServiceMessage>{at}});
    };
    child.failed = [this, id = spec.service_id](const std::string& reason, std::optional<Duration>) {
      directory->send(actors::Report{id, messages::Health::failed, reason, {}, {}});
    };
    supervisor.send(actors::Supervise{std::move(child), {}});
  }

  void settle() { system.settle(); }
  /// Actors and worker until idle, then one lane job. @returns there was one.
  bool step() {
    do system.settle();
    while (worker.run_one());
    const bool ran = lane.run_one();
    system.settle();
    return ran;
  }
  std::size_t run(std::size_t most = 100000) {
    std::size_t steps = 0;
    while (steps < most && step()) ++steps;
    return steps;
  }

  messages::Generate request(std::string prompt, std::uint32_t max_tokens = 16) {
    messages::Generate r;
    r.header.id = effects.next_request_id();
    r.header.deadline = {effects.fake_clock.now() + 600s};
    r.model = "toy";
    r.prompt = std::move(prompt);
    r.sampling.temperature = 0;
    r.max_tokens = max_tokens;
    return r;
  }
  std::shared_ptr<Client> send(messages::Generate r) {
    auto client = std::make_shared<Client>();
    port.generate(std::move(r), client);
    return client;
  }
  toy::ToyModel& model(std::size_t i = 0) { return dynamic_cast<toy::ToyModel&>(*engines.at(i)->loaded.model); }
  std::size_t pages_in_use(std::size_t i = 0) {
    return engines.at(i)->pool->pages() - engines.at(i)->pool->free_pages();
  }
  double gauge(const std::string& line) {
    const std::string all = metrics.expose();
    const auto at = all.find("\n" + line + " ");
    return at == std::string::npos ? -1 : std::stod(all.substr(at + line.size() + 2));
  }

  FakeEffects effects;
  MemoryLedger ledger{1u << 30};
  Metrics metrics;
  ManualLane lane;
  ManualWorker worker;
  std::shared_ptr<actors::Board> board =
      std::make_shared<actors::Board>(std::map<std::string, std::string>{{"gpt-4o-mini", "toy"}});
  std::shared_ptr<actors::SharedRef<actors::DirectoryMessage>> directory =
      std::make_shared<actors::SharedRef<actors::DirectoryMessage>>();
  std::shared_ptr<actors::SharedRef<actors::RouterMessage>> router =
      std::make_shared<actors::SharedRef<actors::RouterMessage>>();
  std::vector<std::shared_ptr<TextEngine>> engines;
  std::map<std::string, actors::Address> services;
  actors::SessionTable sessions{512};
  actors::System system{effects.clock(), {.workers = 2, .deterministic = true}};
  CallTable calls{system, 64};
  actors::Ref<actors::SupervisorMessage> supervisor;
  GraphPort port{{&system, &sessions, &calls, router, board, &metrics, &effects}};
};

}  // namespace zenith::services
