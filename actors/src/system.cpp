// This file and job_queue.hpp include CAF, no other: about five seconds to compile, and all there is to change with
// CAF's version.
#include "zenith/actors/system.hpp"

#include <algorithm>
#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/coordinator.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <condition_variable>
#include <deque>
#include <thread>
#include <unordered_map>
#include <vector>

#include "job_queue.hpp"
#include "zenith/actors/after_turn.hpp"
#include "zenith/actors/together.hpp"
#include "zenith/core/log.hpp"

namespace zenith::actors {
struct Letter {
  std::shared_ptr<Parcel> parcel;
};
}  // namespace zenith::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(zenith::actors::Letter)

namespace zenith::actors {
namespace {

constexpr std::size_t kTurn = 64;  // messages of one actor before another's turn

caf::actor handle(const Address& address) {
  return caf::actor_cast<caf::actor>(caf::strong_actor_ptr{address.native(), true});
}

Address address_of(const caf::abstract_actor* actor) {
  auto* block = caf::actor_control_block::from(actor);
  caf::intrusive_ptr_add_ref(block);
  return Address{block};
}

std::string text_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

}  // namespace

struct System::Impl {
  Impl(const Clock& c, SystemOptions o) : clock(c), options(o) {
    if (o.deterministic) {
      config.set("scheduler.policy", caf::atom("testing"));
    } else {
      config.load<caf::scheduler::coordinator<JobQueue>>();
    }
    config.set("scheduler.max-throughput", kTurn);
    config.set("scheduler.max-threads", static_cast<std::size_t>(o.workers));
    system = std::make_unique<caf::actor_system>(config);
    if (!o.deterministic) timer = std::thread([this] { run_timer(); });
  }

  void run_timer() {
    std::unique_lock lock(timer_mutex);
    while (!timer_stop) {
      const auto next = timers.next();
      timer_changed = false;
      if (!next) {
        timer_cv.wait(lock, [this] { return timer_stop || timer_changed; });
      } else if (clock.now() < *next) {
        timer_cv.wait_until(lock, *next, [this] { return timer_stop || timer_changed; });
      }
      if (timer_stop) return;
      lock.unlock();
      for (const auto& alarm : timers.take_due(clock.now())) alarm();
      lock.lock();
    }
  }

  TimerId at(Instant when, std::function<void()> alarm) {
    const auto set = timers.at(when, std::move(alarm));
    if (set.first && !options.deterministic) {
      {
        const std::lock_guard lock(timer_mutex);
        timer_changed = true;
      }
      timer_cv.notify_one();
    }
    return set.id;
  }

  caf::scheduler::test_coordinator& coordinator() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system->scheduler());
  }

  const Clock& clock;
  const SystemOptions options;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;

  Timers timers;
  std::thread timer;
  std::mutex timer_mutex;
  std::condition_variable timer_cv;
  bool timer_stop = false, timer_changed = false;

  std::mutex live_mutex;
  std::condition_variable live_cv;
  std::unordered_map<std::uint64_t, Address> live;
  // Why an actor failed, for the Downs of its watchers; the last few are enough, a Down comes right after its cause.
  std::deque<std::pair<std::uint64_t, std::string>> reasons;
  bool stopped = false;
};

namespace {

// Marks where one worker's turn on an actor ends and another's begins. CAF orders them already, but ThreadSanitizer
// does not see into its uninstrumented library; this it sees. (Parcel::hand_over is the same for messages.)
class Turn {
 public:
  explicit Turn(std::atomic<std::uint32_t>& turns) noexcept : turns_(turns) {
    turns_.fetch_add(1, std::memory_order_acq_rel);
  }
  ~Turn() { turns_.fetch_add(1, std::memory_order_acq_rel); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<std::uint32_t>& turns_;
};

class Host final : public caf::event_based_actor, public Context {
 public:
  Host(caf::actor_config& config, System::Impl* system, std::string name, std::unique_ptr<Behaviour> behaviour)
      : caf::event_based_actor(config), system_(system), name_(std::move(name)), behaviour_(std::move(behaviour)) {
    set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
      fail_with(text_of(thrown));
      return caf::sec::runtime_error;
    });
    set_down_handler([this](const caf::down_msg& down) { handle_down(down); });
    set_default_handler(caf::drop);
    const Turn turn(turns_);
    const std::lock_guard lock(system_->live_mutex);
    system_->live.emplace(id(), address_of(this));
  }

  caf::behavior make_behavior() override {
    const Turn turn(turns_);
    behaviour_->on_start(*this);
    return {[this](const Letter& letter) {
              const Turn its_turn(turns_);
              letter.parcel->take_over();
              if (!behaviour_->on_parcel(*letter.parcel, *this)) {
                log(LogLevel::error, "actors", "a message that the actor does not know was dropped",
                    {{"actor", name_}});
              }
            },
            [this](WakeAtom) {
              const Turn its_turn(turns_);
              if (timer_ == 0 || now() < due_) return;  // of an alarm that was replaced when it rang
              timer_ = 0;
              behaviour_->on_wake(*this);
            }};
  }

  const char* name() const override { return name_.c_str(); }

  void on_exit() override {
    const Turn turn(turns_);
    if (timer_ != 0) system_->timers.cancel(timer_);
    behaviour_.reset();
    Address gone;  // released outside the lock
    const std::lock_guard lock(system_->live_mutex);
    if (const auto it = system_->live.find(id()); it != system_->live.end()) {
      gone = std::move(it->second);
      system_->live.erase(it);
    }
    if (system_->live.empty()) system_->live_cv.notify_all();
  }

  Instant now() const noexcept override { return system_->clock.now(); }
  Address self() const override { return address_of(this); }
  void watch(const Address& other) override { monitor(handle(other)); }
  void unwatch(const Address& other) override { demonitor(handle(other)); }
  void wake_at(Instant when) override {
    if (timer_ != 0) system_->timers.cancel(timer_);
    due_ = when;
    timer_ =
        system_->at(when, [to = handle(self())] { caf::anon_send<caf::message_priority::high>(to, WakeAtom::value); });
  }
  void quit() override { caf::event_based_actor::quit(); }
  void quit(Error why) override {
    fail_with(std::move(why.message));
    caf::event_based_actor::quit(caf::sec::runtime_error);
  }

  using WakeAtom = caf::atom_constant<caf::atom("wake")>;

 private:
  void fail_with(std::string why) {
    log(LogLevel::error, "actors", "an actor failed", {{"actor", name_}, {"reason", why}});
    const std::lock_guard lock(system_->live_mutex);
    system_->reasons.emplace_back(id(), std::move(why));
    if (system_->reasons.size() > 256) system_->reasons.pop_front();
  }

  void handle_down(const caf::down_msg& message) {
    const Turn turn(turns_);
    Down down{ActorId{message.source.id()}, static_cast<bool>(message.reason), {}};
    if (down.failed) {
      down.reason = "it was ended from outside";
      const std::lock_guard lock(system_->live_mutex);
      for (const auto& [who, why] : system_->reasons) {
        if (who == down.who.value) down.reason = why;
      }
    }
    behaviour_->on_down(down, *this);
  }

  System::Impl* system_;
  std::string name_;
  std::unique_ptr<Behaviour> behaviour_;
  TimerId timer_ = 0;
  Instant due_{};
  std::atomic<std::uint32_t> turns_{0};
};

// Where CAF leaves the actors that a burst makes runnable.
class Burst final : public caf::execution_unit {
 public:
  ~Burst() override {
    for (const auto& [system, job] : jobs_) system->scheduler().enqueue(job);
  }
  void exec_later(caf::resumable* job) override { jobs_.emplace_back(system_, job); }
  static caf::execution_unit* unit(caf::actor_system& to);

 private:
  std::vector<std::pair<caf::actor_system*, caf::resumable*>> jobs_;
};
thread_local Burst* burst = nullptr;

caf::execution_unit* Burst::unit(caf::actor_system& to) {
  if (burst != nullptr) burst->system_ = &to;
  return burst;
}

}  // namespace

Address::Address(const Address& o) noexcept : block_(o.block_) {
  if (block_ != nullptr) caf::intrusive_ptr_add_ref(block_);
}

Address::~Address() {
  if (block_ != nullptr) caf::intrusive_ptr_release(block_);
}

ActorId Address::id() const noexcept { return block_ == nullptr ? ActorId{} : ActorId{block_->id()}; }

void Address::post(std::unique_ptr<Parcel> parcel, Urgency urgency) const {
  if (block_ == nullptr) return;
  parcel->hand_over();
  Letter letter{std::shared_ptr<Parcel>(parcel.release(), [](Parcel* p) {
    p->take_over();
    delete p;
  })};
  const auto to = handle(*this);
  to->eq_impl(urgency == Urgency::high ? caf::make_message_id(caf::message_priority::high) : caf::make_message_id(),
              nullptr, Burst::unit(to->home_system()), std::move(letter));
}

void after_turn(const void* who, std::function<void()> work) {
  TurnEnd& turn = TurnEnd::here();
  if (!turn.within) return work();
  const auto known = [&](const auto& one) { return one.first == who; };
  if (std::none_of(turn.work.begin(), turn.work.end(), known)) turn.work.emplace_back(who, std::move(work));
}

Together::Together() noexcept : outermost_(burst == nullptr) {
  if (outermost_) burst = new Burst;
}
Together::~Together() {
  if (outermost_) delete std::exchange(burst, nullptr);
}

System::System(const Clock& clock, SystemOptions options) : impl_(std::make_unique<Impl>(clock, options)) {}

System::~System() { stop(); }

Address System::spawn(std::string name, std::unique_ptr<Behaviour> behaviour) {
  const auto stopped = [this] {
    const std::lock_guard lock(impl_->live_mutex);
    return impl_->stopped;
  };
  if (stopped()) return {};
  const caf::actor actor = impl_->system->spawn<Host>(impl_.get(), std::move(name), std::move(behaviour));
  const Address address = address_of(caf::actor_cast<caf::abstract_actor*>(actor));
  if (stopped()) kill(address);
  return address;
}

void System::kill(const Address& actor) {
  if (actor) caf::anon_send_exit(handle(actor), caf::exit_reason::kill);
}

TimerId System::at(Instant when, std::function<void()> alarm) { return impl_->at(when, std::move(alarm)); }
void System::cancel_timer(TimerId id) { impl_->timers.cancel(id); }
const Clock& System::clock() const noexcept { return impl_->clock; }

std::size_t System::live() const {
  const std::lock_guard lock(impl_->live_mutex);
  return impl_->live.size();
}

std::size_t System::settle() {
  std::size_t handled = 0;
  for (bool busy = true; busy;) {
    const auto due = impl_->timers.take_due(impl_->clock.now());
    for (const auto& alarm : due) alarm();
    const std::size_t ran = impl_->coordinator().run();
    handled += ran;
    busy = ran + due.size() > 0;
  }
  return handled;
}

std::optional<Instant> System::next_alarm() const { return impl_->timers.next(); }

void System::stop() {
  if (!impl_->system) return;
  std::vector<Address> rest;
  {
    const std::lock_guard lock(impl_->live_mutex);
    impl_->stopped = true;
    for (const auto& [id, address] : impl_->live) rest.push_back(address);
  }
  for (const Address& address : rest) kill(address);
  rest.clear();
  if (impl_->options.deterministic) {
    impl_->coordinator().run();
  } else {
    {
      std::unique_lock lock(impl_->live_mutex);
      impl_->live_cv.wait(lock, [this] { return impl_->live.empty(); });
    }
    {
      const std::lock_guard lock(impl_->timer_mutex);
      impl_->timer_stop = true;
    }
    impl_->timer_cv.notify_one();
    impl_->timer.join();
  }
  impl_->system.reset();
}

}  // namespace zenith::actors
