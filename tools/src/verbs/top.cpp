// `zenith top`: the system live, from a gateway's /v1/system.
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "http_get.hpp"
#include "verb.hpp"

namespace zenith::tools {
namespace {

using Json = nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

struct TopOptions {
  ServerAddress server;
  double interval_s = 1;
  bool once = false;
};

Expected<Json> fetch(const TopOptions& options) {
  const auto answer = http_get(options.server, "/v1/system", std::chrono::seconds(5));
  if (!answer) return tl::make_unexpected(answer.error());
  auto parsed = Json::parse(answer->body, nullptr, false);
  if (answer->status != 200 || !parsed.is_object() || !parsed.contains("services")) {
    return fail(
        Errc::unsupported,
        fmt::format("{}/v1/system answered {} and is no Zenith of this kind", options.server.url, answer->status),
        "url");
  }
  return parsed;
}

/// What changes by counting: shown as a rate.
using Counts = std::map<std::string, double>;

double rate(const Counts& before, Counts& now, const std::string& name, double value, double seconds) {
  now[name] = value;
  const auto it = before.find(name);
  return it == before.end() || seconds <= 0 ? 0 : std::max(0.0, (value - it->second) / seconds);
}

std::string table(const Json& system, const Counts& before, Counts& now, double seconds) {
  std::string out =
      fmt::format("{}\n\n{:<24} {:<8} {:<9} {:<18} {:>5} {:>7} {:>11} {:>9}  {}\n", system.value("status", ""),
                  "SERVICE", "ROLE", "STATUS", "MODEL", "QUEUE", "RUNNING", "KV PAGES", "TOKENS/S", "DETAIL");
  for (const auto& s : system["services"]) {
    const std::string id = s.value("id", "");
    const double tokens = rate(before, now, "s:" + id, s.value("generated_tokens", 0.0), seconds);
    const auto& model = s["model"];
    out += fmt::format("{:<24} {:<8} {:<9} {:<18} {:>5} {:>7} {:>11} {:>9.1f}  {}\n", id, s.value("role", ""),
                       s.value("status", ""), model.is_string() ? model.get<std::string>() : "-", s.value("queue", 0),
                       s.value("running", 0), fmt::format("{}/{}", s.value("kv_pages_used", 0), s.value("kv_pages", 0)),
                       tokens, s.value("detail", ""));
  }
  if (system["links"].empty()) return out + "\nno links: everything runs in one process\n";
  out += fmt::format("\n{:<24} {:>5} {:>9} {:>9} {:>15} {:>10}  {}\n", "LINK", "OPEN", "SENT/S", "RECV/S", "CREDIT",
                     "PING us", "ENDPOINT");
  for (const auto& l : system["links"]) {
    const std::string id = l.value("peer", "") + l.value("endpoint", "");
    out += fmt::format(
        "{:<24} {:>5} {:>9.1f} {:>9.1f} {:>15} {:>10}  {}{}\n",
        (l.value("dialled", false) ? "> " : "< ") + l.value("peer", ""), l.value("open_requests", 0),
        rate(before, now, "o:" + id, l.value("sent_messages", 0.0), seconds),
        rate(before, now, "i:" + id, l.value("received_messages", 0.0), seconds),
        l.value("dialled", false) ? fmt::format("{}/{}K", l.value("credit_requests", 0), l.value("credit_kib", 0))
                                  : "-",
        l.value("round_trip_us", 0), l.value("endpoint", ""), l.value("suspect", false) ? "  SILENT" : "");
  }
  return out;
}

Status top(TopOptions options, const Context& context) {
  if (options.server.key.empty()) options.server.key = environment("ZENITH_API_KEY").value_or("");
  const bool live = !options.once && !context.json && isatty(STDOUT_FILENO) != 0;
  Counts before;
  std::optional<SteadyClock::time_point> last;
  for (;;) {
    auto system = fetch(options);
    if (!system && !live) return tl::make_unexpected(std::move(system.error()));
    if (context.json) return print(system->dump() + "\n");
    const auto now = SteadyClock::now();
    Counts counts;
    const double seconds = last ? std::chrono::duration<double>(now - *last).count() : 0;
    std::string text = system ? table(*system, before, counts, seconds) : system.error().message + "\n";
    last = now;
    before = std::move(counts);
    if (!live) return print(text);
    if (auto ok = print("\x1b[H\x1b[2J" + text); !ok) return ok;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.interval_s));
  }
}

}  // namespace

Action add_top(CLI::App& app) {
  auto options = std::make_shared<TopOptions>();
  app.add_option("--url", options->server.url, "of the gateway")->capture_default_str();
  app.add_option("--key", options->server.key, "API key; default ZENITH_API_KEY");
  app.add_option("--ca-file", options->server.ca_file, "PEM of the authority that signed the gateway's certificate");
  app.add_option("--interval", options->interval_s, "seconds between looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_flag("--once", options->once, "one look, then end; also when the output is no terminal");
  return [options](const Context& context) { return top(*options, context); };
}

}  // namespace zenith::tools
