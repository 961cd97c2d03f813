// What every request shares. The loop's thread only, unless said otherwise.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "auth/browser_policy.hpp"
#include "auth/keys.hpp"
#include "net/fetcher.hpp"
#include "net/loop.hpp"
#include "net/trace_exporter.hpp"
#include "outlet.hpp"
#include "route.hpp"
#include "zenith/gateway/server.hpp"

namespace zenith::gateway {

class Call;

class Gateway {
 public:
  Gateway(ServerOptions options, Port& port, Effects& effects, Metrics& metrics, std::shared_ptr<Loop> loop);

  /// The head of a request is here: what can be refused by it alone is, through call->refusal. `outlet` is the call's
  /// way out.
  std::shared_ptr<Call> open(HttpRequest head, std::shared_ptr<Outlet> outlet);
  /// The body is here (in call->request.body): runs the endpoint.
  void run(const std::shared_ptr<Call>& call);

  /// One request of that key. @returns rate_limited with the time to wait, and nothing is taken. @param key null: no
  /// limit.
  Status take_request(KeyState* key);

  // Work that a drain waits for. `abort` ends it at once with that error.
  void work_begins(RequestId id, std::function<void(const Error&)> abort);
  /// Work without an end of its own: a drain ends it at once.
  void endless_work_begins(RequestId id, std::function<void(const Error&)> abort);
  void work_ends(RequestId id);
  std::size_t running() const noexcept { return work_.size(); }
  void drain_begins(std::function<void()> on_idle);
  void abort_all(const Error& error);
  bool draining() const noexcept { return draining_; }

  void count(std::string_view route, int status, Duration took);
  /// Of a request that is to be traced and came without a trace; none when spans go nowhere.
  messages::TraceContext new_trace();
  /// A request has ended, and all that was done for it with it: counts its stages and hands its spans on.
  void finished(TraceRecord record);
  void connections_changed(std::size_t open);

  const ServerOptions options;
  Port& port;
  Effects& effects;
  Metrics& metrics;
  const std::shared_ptr<Loop> loop;
  const BrowserPolicy browsers;
  const std::string epoch;  ///< makes ids unique across restarts
  const std::string version;
  std::size_t realtime_bytes = 0;  ///< of sound that conversations have and have not committed
  bool accepting = true;           ///< false while no file descriptor is left for a new connection

 private:
  std::optional<HttpReply> refuse(Call& call);

  std::optional<KeyRing> keys_;
  std::unordered_map<RequestId, std::function<void(const Error&)>> work_;
  std::unordered_set<RequestId> endless_;
  std::function<void()> on_idle_;
  bool draining_ = false;
  struct RouteMetrics {
    std::map<int, Counter*> by_status;
    Histogram* duration = nullptr;
  };
  std::map<std::string, RouteMetrics, std::less<>> route_metrics_;
  struct StageMetrics {
    Counter *requests = nullptr, *failures = nullptr, *busy = nullptr;
  };
  std::map<std::string, StageMetrics, std::less<>> stage_metrics_;
  Gauge& connections_;
  std::unique_ptr<TraceExporter> exporter_;  ///< null: spans go nowhere

 public:
  /// Last: what it answers while it goes touches what is above.
  std::unique_ptr<Fetcher> fetcher;
};

}  // namespace zenith::gateway
