// The gateway's door into the actor graph.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "zenith/actors/directory.hpp"
#include "zenith/actors/session.hpp"
#include "zenith/actors/shared_ref.hpp"
#include "zenith/actors/system.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/core/metrics.hpp"
#include "zenith/gateway/port.hpp"

namespace zenith::services {

class Hedging;

/// The calls that are open (embed, tokenize …): bounds their number, ends each by its deadline, finds it for a cancel.
/// Any thread.
class CallTable {
 public:
  CallTable(actors::System& system, std::size_t capacity) : system_(system), capacity_(capacity) {}
  /// @param end ends the call with the error, unless it has ended. @returns overloaded, draining, invalid_argument (id
  /// in use).
  Status admit(RequestId id, Deadline deadline, std::function<void(Error)> end);
  void remove(RequestId id);
  void cancel(RequestId id, Error why);
  void cancel_all(const Error& why);
  void close();
  std::size_t size() const;
  bool wait_empty(std::chrono::nanoseconds limit);

 private:
  struct Open {
    std::function<void(Error)> end;
    actors::TimerId timer = 0;
  };
  actors::System& system_;
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  std::unordered_map<RequestId, Open> calls_;
  std::size_t capacity_;
  bool closed_ = false;
};

/// The processes of sensor plugins, for who supervises them. Any thread; no call blocks.
class SensorProcesses {
 public:
  virtual ~SensorProcesses() = default;
  /// @returns the id of its service, or why it cannot be: not_found, overloaded.
  virtual Expected<std::string> load(const std::string& plugin, const std::string& options) = 0;
  virtual Status unload(const std::string& service_id) = 0;  ///< not_found listing those that there are
  virtual bool revive(const std::string& service_id) = 0;    ///< one that was given up on is tried again
};

struct GraphParts {
  actors::System* system = nullptr;
  actors::SessionTable* sessions = nullptr;
  CallTable* calls = nullptr;
  std::shared_ptr<const actors::SharedRef<actors::RouterMessage>> router;
  std::shared_ptr<const actors::Board> board;
  Metrics* metrics = nullptr;
  Effects* effects = nullptr;  ///< seeds and the time for requests that name none
  std::function<messages::SystemStatus()> system_status;
  std::uint32_t hedge_percent = 0;                     ///< of calls, that may be asked of a second replica when slow
  std::function<SensorProcesses*()> sensor_processes;  ///< null where this process has none
};

/// Spawns a session for each generation; passes calls through the router to their service, and to another replica when
/// that one is lost. All parts must outlive it.
class GraphPort final : public gateway::Port {
 public:
  explicit GraphPort(GraphParts parts) : parts_(std::move(parts)) {}
  void generate(messages::Generate request, std::shared_ptr<gateway::EventSink> sink) override;
  void speak(messages::Speak request, std::shared_ptr<gateway::EventSink> sink) override;
  void watch(messages::Watch request, std::shared_ptr<gateway::EventSink> sink) override;
  void read_window(messages::ReadWindow request, gateway::Reply<messages::Window> reply) override;
  void set_sensor(messages::SetSensor request, gateway::Reply<messages::Text> reply) override;
  void load_sensor(messages::LoadSensor request, gateway::Reply<messages::Text> reply) override;
  void unload_sensor(messages::UnloadSensor request, gateway::Reply<messages::Text> reply) override;
  void grant(RequestId id, std::uint32_t events) override;
  void cancel(RequestId id) override;
  void embed(messages::Embed request, gateway::Reply<messages::Embeddings> reply) override;
  void tokenize(messages::Tokenize request, gateway::Reply<messages::Tokens> reply) override;
  void detokenize(messages::Detokenize request, gateway::Reply<messages::Text> reply) override;
  void apply_template(messages::ApplyTemplate request, gateway::Reply<messages::Text> reply) override;
  void transcribe(messages::Transcribe request, gateway::Reply<messages::Transcript> reply) override;
  void read_image(messages::ReadImage request, gateway::Reply<messages::ImageReading> reply) override;
  messages::Snapshot snapshot() const override;
  messages::SystemStatus system() const override { return parts_.system_status(); }

 private:
  actors::GuardedSink guarded(const char* kind, std::shared_ptr<gateway::EventSink> sink) const;
  template <class Request, class Answer>
  void call(actors::Task task, const char* kind, Request request, gateway::Reply<Answer> reply);
  std::shared_ptr<Hedging> hedging(actors::Task task);
  GraphParts parts_;
  std::mutex hedging_mutex_;
  std::map<actors::Task, std::shared_ptr<Hedging>> hedging_;
};

}  // namespace zenith::services
