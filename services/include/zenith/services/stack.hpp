// The whole graph of one process, from a configuration: what `zenith serve` and `zenith run` start.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "zenith/core/config.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/core/ledger.hpp"
#include "zenith/core/metrics.hpp"
#include "zenith/gateway/port.hpp"
#include "zenith/models/engine/model.hpp"
#include "zenith/services/hosted.hpp"
#include "zenith/services/placement.hpp"

namespace zenith::services {

/// One model of one text service.
struct ModelSpec {
  std::string name;            ///< as requests name it
  std::string service_id;      ///< unique: the service's id, with ":model" when it holds several
  std::filesystem::path path;  ///< file or folder for load_model
  std::uint32_t context = 0;   ///< 0: the model's own
  std::uint32_t sequences = 64, queue = 256;
  std::uint32_t draft_tokens = 5;
  std::uint64_t kv_bytes = 1ull << 30;
  models::PackedCache packed{};
  kernels::Numerics numerics = kernels::Numerics::fast;
};

/// A service that a child process of this one runs: known here before it has announced itself.
struct ChildService {
  messages::Role role = messages::Role::voice;
  std::string id, model;
  /// What its model is, where that is known before its process runs: it is started by its first request then.
  std::optional<messages::ModelEntry> on_demand{};
};

using ModelLoader = std::function<Expected<models::LoadedModel>(const ModelSpec& spec, MemoryLedger& ledger)>;
using ModelFinder = std::function<Expected<std::filesystem::path>(const std::string& name)>;

/// Where `name` lies below `dir` (a path that exists is taken as it is): `dir/name` itself when it holds
/// model.safetensors, else its only .gguf file. @returns not_found naming the folder and `zenith pull NAME`.
Expected<std::filesystem::path> find_model_file(const std::filesystem::path& dir, const std::string& name);

/// models::load_model with the spec's numerics and context.
Expected<models::LoadedModel> load_with_engine(const ModelSpec& spec, MemoryLedger& ledger);

class SensorProcesses;

struct StackOptions {
  Config config;                        ///< no [[service]]: a text service with the default models
  ModelFinder find;                     ///< default: find_model_file under config.models.dir (or zenith_home()/models)
  ModelLoader load = load_with_engine;  ///< tests put a toy model here
  /// The licence of a model whose file names none; empty when nobody knows.
  std::function<std::string(const std::string& name)> license = [](const std::string&) { return std::string{}; };
  std::optional<Placement> placement;  ///< absent: every role in this process, no links
  HostedLoader hosted;                 ///< of a process that has a role of media or sensor; empty elsewhere
  /// Makes the worker of each hosted service of media.
  std::function<std::unique_ptr<Worker>(const std::string& name)> hosted_worker = [](const std::string& name) {
    return make_worker(name);
  };
  std::vector<ChildService> children{};
};

inline constexpr const char* kDefaultModel = "smollm2-135m";
inline constexpr const char* kDefaultEmbeddingModel = "minilm-l6";

/// Supervisor, directory, router, text services, sessions; lanes and threads. Any thread, unless said otherwise.
class Stack {
 public:
  /// Returns at once: models load in the background, shown as `loading` in snapshot(). effects, ledger and metrics must
  /// outlive it.
  /// @returns invalid_argument naming the key of the configuration that is wrong; io or unavailable naming an endpoint
  /// that cannot be listened on.
  static Expected<std::unique_ptr<Stack>> start(StackOptions options, Effects& effects, MemoryLedger& ledger,
                                                Metrics& metrics);
  virtual ~Stack() = default;  ///< stop()

  virtual gateway::Port& port() = 0;
  virtual messages::Snapshot snapshot() const = 0;
  /// How a child process is, while it does not speak for itself. An id of StackOptions::children or of add_child.
  virtual void report_child(const std::string& id, messages::Health health, std::string detail) = 0;
  /// Who starts the child with this id, one that is on_demand, once a request needs it; null: nobody. It is called from
  /// an actor and must return at once; it is not called any more after the next set_starter.
  virtual void set_starter(std::function<void(const std::string& id)> starter) = 0;
  virtual void add_child(ChildService child) = 0;
  virtual void remove_child(const std::string& id) = 0;
  /// Who loads and unloads sensors from now on; must outlive the port's use of it. Null: nobody.
  virtual void set_sensor_processes(SensorProcesses* processes) = 0;
  /// Blocks until no service of this process is loading; a gateway without such waits for the first ready one anywhere.
  /// @returns the first failed service's reason as unavailable; deadline when `limit` is over.
  virtual Status wait_loaded(std::chrono::milliseconds limit) = 0;
  /// Whether the actors of this process take messages. Blocks, at most so long; not from an actor.
  virtual bool answers(std::chrono::milliseconds limit) = 0;
  /// No new work (draining); blocks until all requests have ended; at the deadline the rest is cancelled with
  /// Errc::draining.
  virtual void drain(Deadline deadline) = 0;
  /// Ends everything; idempotent. Requests that still run get Errc::draining. Not from a sink or a reply.
  virtual void stop() = 0;
};

}  // namespace zenith::services
