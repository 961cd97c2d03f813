#include "zenith/services/stack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <mutex>

#include "outside.hpp"
#include "plan_services.hpp"
#include "zenith/actors/router.hpp"
#include "zenith/actors/supervisor.hpp"
#include "zenith/core/log.hpp"
#include "zenith/kernels/dispatch.hpp"
#include "zenith/messages/roles.hpp"
#include "zenith/services/graph_port.hpp"
#include "zenith/services/text/text_service.hpp"

namespace zenith::services {
namespace {

using namespace actors;
using messages::Health;
using messages::Role;

messages::ModelEntry entry_of(const ModelSpec& spec, const TextEngine& engine, std::int64_t now) {
  const models::ModelInfo& info = engine.loaded.model->info();
  messages::ModelEntry entry;
  entry.name = spec.name;
  const bool embeds = info.kind == models::ModelKind::embed;
  entry.kind = embeds ? messages::ModelKind::embed : messages::ModelKind::generate;
  entry.input_modalities = {"text"};
  entry.output_modalities = {embeds ? "embedding" : "text"};
  entry.context_length = engine.limits.context;
  entry.license = info.license;
  entry.architecture = info.architecture;
  entry.generation = info.generation;
  entry.created_unix_seconds = now;
  return entry;
}

class StackImpl final : public Stack {
 public:
  StackImpl(StackOptions options, std::vector<ModelSpec> specs, std::vector<HostedSpec> hosted, Effects& effects,
            MemoryLedger& ledger, Metrics& metrics)
      : options_(std::move(options)),
        specs_(std::move(specs)),
        hosted_(std::move(hosted)),
        effects_(effects),
        ledger_(ledger),
        metrics_(metrics),
        board_(std::make_shared<Board>(options_.config.aliases)),
        sessions_(capacity()),
        remote_sessions_(capacity()),
        calls_(system_, 512),
        port_({&system_, &sessions_, &calls_, router_, board_, &metrics_, &effects_, [this] { return system(); },
               options_.config.links.hedge_percent, [this] { return sensor_processes_.load(); }}) {
    lane_ = make_lane(compute_threads(options_.config));
    worker_ = make_worker("zenith-prepare");
    loader_ = make_worker("zenith-load");
    // The first view is published by hand: the directory goes on from it, and requests may come at once.
    DirectoryView start = *board_->view();
    for (const ChildService& child : options_.children) {
      if (child.on_demand) start.on_demand.insert(child.id);
    }
    const bool some_sleep = !start.on_demand.empty();
    DirectoryState first{std::move(start)};
    if (has(Role::router)) {
      first.on(Announce{{Role::router, "router", Health::ready, {}, {}}, {}});
    } else if (has(Role::gateway)) {
      first.on(Announce{{Role::router, "router", Health::loading, {}, "being connected"}, {}});
    }
    const auto announce = [&](Role role, const std::string& id, const std::string& model) {
      loads_.try_emplace(id, [this] {
        if (outside_) outside_->work_began();
      });
      first.on(Announce{{role, id, Health::loading, model, "waits for its turn to load"}, {}});
    };
    for (const ModelSpec& spec : specs_) announce(Role::text, spec.service_id, spec.name);
    for (const HostedSpec& spec : hosted_) {
      announce(spec.role, spec.service_id, spec.name);
      if (messages::in_media(spec.role)) {
        hosted_workers_[spec.service_id] = options_.hosted_worker(spec.service_id);
      }
    }
    for (const ChildService& child : options_.children) {
      first.on(
          child.on_demand
              ? Announce{{child.role, child.id, Health::ready, child.model, "idle: starts with the first request"},
                         child.on_demand}
              : Announce{{child.role, child.id, Health::loading, child.model, "its process is being started"}, {}});
    }
    board_->publish(first.view());
    if (options_.placement) {
      outside_ = std::make_unique<Outside>(outside_parts());
      board_->on_publish([this, some_sleep] {
        outside_->board_changed();
        if (some_sleep) router_->send(Replan{});
      });
    }
    supervisor_ = system_.spawn_as<SupervisorMessage>("supervisor", make_supervisor({}));
    supervise<DirectoryMessage>("directory", directory_, [this] { return make_directory(board_); });
    supervise<RouterMessage>("router", router_,
                             [this] { return make_router(board_, [this](const std::string& id) { wake(id); }); });
  }

  /// @returns why an endpoint cannot be listened on.
  Status begin() {
    if (outside_) {
      if (auto ok = outside_->start(); !ok) return ok;
    }
    for (const ModelSpec& spec : specs_) {
      if (auto ok = loader_->submit([this, spec] { load(spec); }); !ok) return ok;
    }
    for (const HostedSpec& spec : hosted_) {
      if (auto ok = loader_->submit([this, spec] { load_hosted(spec); }); !ok) return ok;
    }
    return {};
  }

  ~StackImpl() override { stop(); }

  gateway::Port& port() override { return port_; }
  messages::Snapshot snapshot() const override { return port_.snapshot(); }

  Status wait_loaded(std::chrono::milliseconds limit) override {
    const auto mine = [this](const DirectoryView::Service& service) { return loads_.contains(service.status.id); };
    const auto loaded = [&](const DirectoryView& view) {
      if (loads_.empty() && has(Role::gateway)) return snapshot_of(view).overall == Health::ready;
      return std::none_of(view.services.begin(), view.services.end(), [&](const auto& service) {
        return mine(service) && service.status.health == Health::loading;
      });
    };
    if (!board_->wait(loaded, limit)) return fail(Errc::deadline, "the models were not loaded in time");
    for (const auto& service : board_->view()->services) {
      if (mine(service) && service.status.health == Health::failed) {
        return fail(Errc::unavailable,
                    fmt::format("service '{}' failed: {}", service.status.id, service.status.detail));
      }
    }
    return {};
  }

  void report_child(const std::string& id, Health health, std::string detail) override {
    const auto view = board_->view();
    const bool known = std::any_of(view->services.begin(), view->services.end(),
                                   [&](const auto& service) { return service.status.id == id; });
    if (known) return directory_->send(Report{id, health, std::move(detail), {}, {}});
    const std::lock_guard lock(children_mutex_);
    for (const ChildService& child : options_.children) {  // the directory forgot it while it was away
      if (child.id == id) {
        directory_->send(Announce{{child.role, id, health, child.model, std::move(detail)}, child.on_demand});
      }
    }
  }

  void set_starter(std::function<void(const std::string& id)> starter) override {
    const std::lock_guard lock(starter_mutex_);
    starter_ = std::move(starter);
  }

  void add_child(ChildService child) override {
    const std::lock_guard lock(children_mutex_);
    directory_->send(
        Announce{{child.role, child.id, Health::loading, child.model, "its process is being started"}, {}});
    options_.children.push_back(std::move(child));
  }

  void remove_child(const std::string& id) override {
    const std::lock_guard lock(children_mutex_);
    std::erase_if(options_.children, [&](const ChildService& child) { return child.id == id; });
    directory_->send(Forget{id});
    if (outside_) outside_->withdraw(id);
  }

  void set_sensor_processes(SensorProcesses* processes) override { sensor_processes_ = processes; }

  bool answers(std::chrono::milliseconds limit) override {
    const auto answered = std::make_shared<std::promise<bool>>();
    auto answer = answered->get_future();
    directory_->send(Ping{{[answered](const Expected<Pong>& pong) { answered->set_value(pong.has_value()); }, Error{}}},
                     Urgency::high);
    return answer.wait_for(limit) == std::future_status::ready && answer.get();
  }

  void drain(Deadline deadline) override {
    directory_->send(StartDraining{}, Urgency::high);
    sessions_.close();
    remote_sessions_.close();
    calls_.close();
    const auto left = [&] { return deadline.left(effects_.clock().now()); };
    board_->wait([](const DirectoryView& view) { return view.draining; }, left());
    withdraw_sensors(left());
    if (sessions_.wait_empty(left()) && remote_sessions_.wait_empty(left()) && calls_.wait_empty(left())) return;
    log(LogLevel::warn, "stack", "the drain time is over: the rest is cancelled",
        {{"requests", sessions_.size() + remote_sessions_.size() + calls_.size()}});
    cancel_rest();
  }

  void stop() override {
    if (std::exchange(stopped_, true)) return;
    sessions_.close();
    remote_sessions_.close();
    calls_.close();
    cancel_rest();
    loader_->stop();
    worker_->stop();
    for (const auto& [id, worker] : hosted_workers_) worker->stop();
    lane_->stop();
    system_.kill(supervisor_.address());  // first, so that it restarts nothing
    system_.stop();
  }

 private:
  void wake(const std::string& id) {
    const std::lock_guard lock(starter_mutex_);
    if (starter_) starter_(id);
  }

  bool has(Role role) const { return !options_.placement || options_.placement->has(role); }

  OutsideParts outside_parts() {
    OutsideParts parts;
    parts.placement = *options_.placement;
    parts.aliases = options_.config.aliases;
    for (const ModelSpec& spec : specs_) {
      parts.local_ids.push_back(spec.service_id);
      parts.numerics[spec.service_id] =
          kernels::numerics_id() + (spec.numerics == kernels::Numerics::exact ? " exact" : " fast");
    }
    for (const HostedSpec& spec : hosted_) {
      parts.local_ids.push_back(spec.service_id);
      parts.numerics[spec.service_id] = messages::name_of(spec.role);
    }
    parts.load = [this](const std::string& id) { return load_of(id); };
    parts.system = &system_;
    parts.effects = &effects_;
    parts.sessions = &remote_sessions_;
    parts.board = board_;
    parts.directory = directory_;
    parts.supervise = [this](ChildSpec child) { supervisor_.send(Supervise{std::move(child), {}}); };
    return parts;
  }

  std::size_t capacity() const {
    std::size_t all = options_.placement ? 1024 : 64;  // those that are refused or end while they are counted
    for (const ModelSpec& spec : specs_) all += spec.sequences + spec.queue;
    for (const HostedSpec& spec : hosted_) all += spec.queue;
    return all;
  }

  void cancel_rest() {
    const Error why{Errc::draining, "the server shut down before the answer was complete", {}, {}};
    sessions_.send_all([&] { return CancelSession{why}; });
    remote_sessions_.send_all([&] { return CancelSession{why}; });
    calls_.cancel_all(why);
    sessions_.wait_empty(std::chrono::seconds(2));
    remote_sessions_.wait_empty(std::chrono::seconds(2));
    calls_.wait_empty(std::chrono::seconds(2));
  }

  template <class M>
  void supervise(const std::string& name, const std::shared_ptr<SharedRef<M>>& slot,
                 std::function<std::unique_ptr<Behaviour>()> make) {
    ChildSpec child;
    child.name = name;
    child.start = [this, name, make = std::move(make)] { return system_.spawn(name, make()); };
    child.started = [slot](const Address& at) { slot->set(Ref<M>{at}); };
    child.ping = [](const Address& at, Promise<Pong> answer) {
      Ref<M>{at}.send(Ping{std::move(answer)}, Urgency::high);
    };
    // Started here, not in the supervisor: messages may come from now on.
    const Address running = child.start();
    child.started(running);
    supervisor_.send(Supervise{std::move(child), running});
  }

  void report(const std::string& id, Health health, std::string detail, std::optional<messages::ModelEntry> model = {},
              Ref<ServiceMessage> service = {}) {
    directory_->send(Report{id, health, std::move(detail), std::move(model), std::move(service)});
  }

  messages::Load load_of(const std::string& id) const {
    const auto it = loads_.find(id);
    return it == loads_.end() ? messages::Load{} : it->second.get();
  }

  messages::SystemStatus system() const {
    messages::SystemStatus out;
    auto snapshot = port_.snapshot();
    out.overall = snapshot.overall;
    const auto outside = outside_ ? outside_->view() : std::make_shared<const messages::View>();
    const auto view = board_->view();
    for (auto& status : snapshot.services) {
      messages::ServiceLine line;
      line.load = load_of(status.id);
      for (const auto& service : view->services) {
        if (service.status.id == status.id && service.model) line.generation = service.model->generation;
      }
      for (const auto& member : outside->members) {
        if (member.status.id != status.id || loads_.contains(status.id)) continue;
        line.load = member.load;
        line.endpoint = member.endpoint;
        line.numerics = member.numerics;
      }
      line.status = std::move(status);
      out.services.push_back(std::move(line));
    }
    if (options_.placement && options_.placement->links) out.links = options_.placement->links();
    return out;
  }

  /// A sensor has no replica that readers could wait for: it is gone, not lost, and the directory is told so while
  /// there is a link to it.
  void withdraw_sensors(Duration limit) {
    const auto is_sensor = [](const auto& service) { return service.role == Role::sensor; };
    if (std::none_of(hosted_.begin(), hosted_.end(), is_sensor)) return;
    for (const HostedSpec& spec : hosted_) {
      if (is_sensor(spec)) directory_->send(Forget{spec.service_id});
    }
    const auto withdrawn = [&](const DirectoryView& view) {
      return std::none_of(view.services.begin(), view.services.end(),
                          [&](const auto& service) { return is_sensor(service.status); });
    };
    if (board_->wait(withdrawn, limit) && outside_) outside_->board_changed();
  }

  void update_ledger_gauges() {
    for (const auto& [owner, bytes] : ledger_.by_owner()) {
      metrics_.gauge("zenith_memory_bytes", "The memory ledger by owner", {{"owner", owner}})
          .set(static_cast<double>(bytes));
    }
    metrics_.gauge("zenith_memory_budget_bytes", "What the ledger may give out")
        .set(static_cast<double>(ledger_.budget()));
  }

  // On the loader's thread.
  void load(ModelSpec spec) {
    report(spec.service_id, Health::loading, "loading");
    const Instant start = effects_.clock().now();
    auto found = options_.find(spec.name);
    Expected<std::shared_ptr<TextEngine>> engine = tl::make_unexpected(Error{});
    if (found) {
      spec.path = std::move(*found);
      engine = make_engine(spec, options_.load, ledger_, effects_.clock());
    } else {
      engine = tl::make_unexpected(std::move(found.error()));
    }
    update_ledger_gauges();
    if (!engine) {
      log(LogLevel::error, "stack", "a model could not be loaded",
          {{"model", spec.name}, {"reason", engine.error().message}});
      return report(spec.service_id, Health::failed, engine.error().message);
    }
    const double took = std::chrono::duration<double>(effects_.clock().now() - start).count();
    log(LogLevel::info, "stack", "model loaded",
        {{"model", spec.name},
         {"service", spec.service_id},
         {"seconds", took},
         {"context", (*engine)->limits.context},
         {"kv_pages", (*engine)->limits.pages}});
    start_service(spec, std::move(*engine));
  }

  void start_service(const ModelSpec& spec, std::shared_ptr<TextEngine> engine) {
    auto entry = entry_of(spec, *engine, effects_.clock().unix_seconds());
    if (entry.license.empty()) entry.license = options_.license(spec.name);
    const bool embeds = entry.kind == messages::ModelKind::embed;
    const TextSetup setup{std::move(engine), lane_.get(), worker_.get(),
                          &effects_,         &metrics_,   &loads_.at(spec.service_id)};
    supervise_service(spec.service_id, entry,
                      [setup, embeds] { return embeds ? make_embed_service(setup) : make_text_service(setup); });
  }

  // On the loader's thread.
  void load_hosted(const HostedSpec& spec) {
    report(spec.service_id, Health::loading, "loading");
    const Instant start = effects_.clock().now();
    const auto service =
        options_.find(spec.name).and_then([&](const auto& path) { return options_.hosted(spec, path); });
    if (!service) {
      log(LogLevel::error, "stack", "a model could not be loaded",
          {{"model", spec.name}, {"reason", service.error().message}});
      return report(spec.service_id, Health::failed, service.error().message);
    }
    log(LogLevel::info, "stack", "model loaded",
        {{"model", spec.name},
         {"service", spec.service_id},
         {"seconds", std::chrono::duration<double>(effects_.clock().now() - start).count()}});
    auto entry = service->entry;
    entry.name = spec.name;
    entry.license = options_.license(spec.name);
    entry.created_unix_seconds = effects_.clock().unix_seconds();
    const auto worker = hosted_workers_.find(spec.service_id);
    const HostedSetup setup{
        worker == hosted_workers_.end() ? nullptr : worker->second.get(), &effects_, &loads_.at(spec.service_id),
        spec.queue,
        [this, id = spec.service_id, entry](Health health, std::string detail,
                                            const std::function<void(messages::ModelEntry&)>& change) {
          auto changed = entry;
          if (change) change(changed);
          report(id, health, std::move(detail), std::move(changed));
        }};
    supervise_service(spec.service_id, entry, [make = service->make, setup] { return make(setup); });
  }

  void supervise_service(const std::string& service_id, const messages::ModelEntry& entry,
                         std::function<std::unique_ptr<Behaviour>()> make) {
    ChildSpec child;
    child.name = service_id;
    child.start = [this, service_id, make = std::move(make)] { return system_.spawn(service_id, make()); };
    child.started = [this, service_id, entry](const Address& at) {
      report(service_id, Health::ready, {}, entry, Ref<ServiceMessage>{at});
    };
    child.failed = [this, service_id](const std::string& reason, std::optional<Duration> again) {
      report(service_id, Health::failed,
             again ? fmt::format("it is being restarted after: {}", reason)
                   : fmt::format("quarantined, it keeps failing: {}", reason));
    };
    child.stuck = [this, service_id](bool stuck) {
      report(service_id, stuck ? Health::failed : Health::ready,
             stuck ? "it does not answer: its worker is stuck" : "");
    };
    child.ping = [](const Address& at, Promise<Pong> answer) {
      Ref<ServiceMessage>{at}.send(Ping{std::move(answer)}, Urgency::high);
    };
    supervisor_.send(Supervise{std::move(child), {}});
  }

  StackOptions options_;
  std::vector<ModelSpec> specs_;
  std::vector<HostedSpec> hosted_;
  Effects& effects_;
  MemoryLedger& ledger_;
  Metrics& metrics_;
  std::unique_ptr<Lane> lane_;
  std::unique_ptr<Worker> worker_, loader_;
  std::map<std::string, std::unique_ptr<Worker>> hosted_workers_;  // by service id
  std::shared_ptr<Board> board_;
  std::shared_ptr<SharedRef<DirectoryMessage>> directory_ = std::make_shared<SharedRef<DirectoryMessage>>();
  std::shared_ptr<SharedRef<RouterMessage>> router_ = std::make_shared<SharedRef<RouterMessage>>();
  SessionTable sessions_, remote_sessions_;
  std::unique_ptr<Outside> outside_;
  std::map<std::string, LoadCell> loads_;  // by service id
  System system_{effects_.clock(), {}};
  CallTable calls_;
  GraphPort port_;
  Ref<SupervisorMessage> supervisor_;
  std::mutex children_mutex_, starter_mutex_;
  std::function<void(const std::string&)> starter_;
  std::atomic<SensorProcesses*> sensor_processes_{nullptr};
  bool stopped_ = false;
};

}  // namespace

Expected<std::unique_ptr<Stack>> Stack::start(StackOptions options, Effects& effects, MemoryLedger& ledger,
                                              Metrics& metrics) {
  Expected<std::vector<ModelSpec>> specs = std::vector<ModelSpec>{};
  if (!options.placement || options.placement->has(messages::Role::text)) specs = plan_services(options.config);
  if (!specs) return tl::make_unexpected(std::move(specs.error()));
  Expected<std::vector<HostedSpec>> hosted = std::vector<HostedSpec>{};
  if (options.placement && options.hosted) {
    hosted = plan_hosted(options.config, [&](Role role) { return options.placement->has(role); });
  }
  if (!hosted) return tl::make_unexpected(std::move(hosted.error()));
  if (!options.find) {
    const auto& dir = options.config.models.dir;
    options.find = [dir = dir.empty() ? zenith_home() / "models" : std::filesystem::path{dir}](
                       const std::string& name) { return find_model_file(dir, name); };
  }
  auto stack =
      std::make_unique<StackImpl>(std::move(options), std::move(*specs), std::move(*hosted), effects, ledger, metrics);
  if (auto ok = stack->begin(); !ok) return tl::make_unexpected(std::move(ok.error()));
  return stack;
}

}  // namespace zenith::services
