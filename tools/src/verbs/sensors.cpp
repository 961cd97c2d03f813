// `zenith sensors`: those of a running system, their frames, and whether a plugin keeps the rules.
#include <fmt/format.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>

#include "http_get.hpp"
#include "sensor_children.hpp"
#include "verb.hpp"

namespace zenith::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kAnswerLimit{5}, kTestMargin{30};
constexpr const char* kLastCheck = "a whole life, twice";  // of sensors/host/src/conformance.cpp
constexpr std::size_t kMostReport = std::size_t{1} << 20, kMostLine = std::size_t{64} << 20;

struct SensorsOptions {
  ServerAddress server;
  std::string what = "list", name, plugin_options;
  double rate = 0, seconds = 2;
  std::uint64_t frames = 0;
};

Error refused(const HttpAnswer& answer, const std::string& url) {
  const auto body = Json::parse(answer.body, nullptr, false);
  const bool ours = body.is_object() && body.contains("error") && body["error"].is_object();
  return {answer.status == 404 ? Errc::not_found : Errc::unavailable,
          ours ? body["error"].value("message", "") : fmt::format("{} answered {}", url, answer.status),
          ours && body["error"]["param"].is_string() ? body["error"]["param"].get<std::string>() : "",
          {}};
}

Status list(const SensorsOptions& options, const Context& context) {
  const auto answer = http_get(options.server, "/v1/sensors", kAnswerLimit);
  if (!answer) return tl::make_unexpected(answer.error());
  if (answer->status != 200) return tl::make_unexpected(refused(*answer, options.server.url));
  if (context.json) return print(answer->body + "\n");
  const auto body = Json::parse(answer->body, nullptr, false);
  if (!body.is_object() || !body.contains("sensors")) {
    return fail(Errc::unsupported, options.server.url + " is no Zenith of this kind", "url");
  }
  std::string out = fmt::format("{:<24} {:<9} {:<12} {:<8} {:<10} {:>8}  {}\n", "SENSOR", "STATUS", "PLUGIN", "UNIT",
                                "TYPE", "RATE", "DETAIL");
  for (const auto& s : body["sensors"]) {
    const Json channel = s["channels"].empty() ? Json::object() : s["channels"][0];
    std::string shape;
    for (const auto& dim : channel.value("shape", Json::array())) shape += "[" + dim.dump() + "]";
    out += fmt::format("{:<24} {:<9} {:<12} {:<8} {:<10} {:>8}  {}\n", s.value("id", ""), s.value("status", ""),
                       s["plugin"].is_string() ? s["plugin"].get<std::string>() : "-", channel.value("unit", "-"),
                       channel.value("dtype", "-") + shape, fmt::format("{:g} Hz", channel.value("rate_hz", 0.0)),
                       s.value("detail", ""));
  }
  return print(out);
}

/// Lines of "data: …" as they are whole.
class Events {
 public:
  explicit Events(std::function<bool(const Json&)> take) : take_(std::move(take)) {}
  bool operator()(std::string_view bytes) {
    waiting_.append(bytes);
    if (waiting_.size() > kMostLine) return false;
    for (std::size_t end; (end = waiting_.find('\n')) != std::string::npos; waiting_.erase(0, end + 1)) {
      const std::string_view line{waiting_.data(), end};
      if (!line.starts_with("data: ")) continue;
      const auto event = Json::parse(line.substr(6), nullptr, false);
      if (event.is_object() && !take_(event)) return false;
    }
    return true;
  }

 private:
  std::function<bool(const Json&)> take_;
  std::string waiting_;
};

/// What is too much for a line is told by its size.
std::string values_of(const Json& frame) {
  if (!frame["values"].is_null()) return frame["values"].dump();
  const Json dims = frame.value("dims", Json::array());
  const std::string dtype = frame.value("dtype", "");
  if (dtype == "u8" && dims.size() == 3 && dims[2] == 3)
    return fmt::format("picture {} x {}", dims[1].dump(), dims[0].dump());
  return fmt::format("{}{}", dtype, dims.dump());
}

std::string line_of(const Json& frame) {
  const std::string values = values_of(frame);
  std::string flags;
  for (const auto& flag : frame["flags"]) flags += " " + flag.get<std::string>();
  if (frame.contains("lost")) flags += " lost " + frame["lost"]["first"].dump() + "-" + frame["lost"]["last"].dump();
  return fmt::format("{} {}{}\n", frame["seq"].dump(), values, flags);
}

Status watch(const SensorsOptions& options, const Context& context) {
  std::uint64_t left = options.frames;
  Status printed;
  std::optional<Error> broken;
  Events events{[&](const Json& event) {
    if (event.contains("error")) {
      broken = Error{Errc::unavailable, event["error"].value("message", ""), {}, {}};
      return false;
    }
    printed = print(context.json ? event.dump() + "\n" : line_of(event));
    return printed && (options.frames == 0 || --left > 0);
  }};
  std::string path = "/v1/sensors/" + options.name + "/frames";
  if (options.rate > 0) path += fmt::format("?rate={}", options.rate);
  const auto answer = http_get(options.server, path, std::chrono::milliseconds{0},
                               [&](std::string_view bytes) { return events(bytes); });
  if (!answer) return tl::make_unexpected(answer.error());
  if (answer->status != 200) return tl::make_unexpected(refused(*answer, options.server.url));
  if (broken) return tl::make_unexpected(*broken);
  return printed;
}

/// The plugin runs in a child: what it does to its process it does not do to this one.
Status test(const SensorsOptions& options, const Context& context) {
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  const auto plugin = find_plugin(*config, options.name);
  if (!plugin) return tl::make_unexpected(plugin.error());
  auto board = services::ChildBoard::create();
  if (!board) return tl::make_unexpected(board.error());
  ChildCommand command;
  command.program = program_beside("zenith-sensor-host");
  command.board = board->fd();
  command.args = {"--test", plugin->string(), "--read-ms", std::to_string(static_cast<int>(options.seconds * 1000))};
  if (!options.plugin_options.empty()) command.args.insert(command.args.end(), {"--options", options.plugin_options});
  const auto limit = std::chrono::milliseconds(static_cast<int>(options.seconds * 2000)) + kTestMargin;
  const auto run = run_child(command, limit, kMostReport);
  if (!run) return tl::make_unexpected(run.error());
  Json checks = Json::array();
  std::size_t failed = 0;
  bool whole = false;  // a plugin that ends the process quietly does not get to the last check
  for (std::size_t at = 0; at < run->out.size();) {
    const auto end = std::min(run->out.find('\n', at), run->out.size());
    auto line = Json::parse(run->out.substr(at, end - at), nullptr, false);
    at = end + 1;
    if (!line.is_object() || !line.contains("ok") || !line["ok"].is_boolean()) continue;  // the plugin prints, too
    failed += line["ok"].get<bool>() ? 0 : 1;
    whole = line.value("check", "") == kLastCheck;
    checks.push_back(std::move(line));
  }
  const bool ended_well =
      run->in_time && WIFEXITED(run->wait_status) && WEXITSTATUS(run->wait_status) <= 1 && (whole || failed > 0);
  if (!ended_well) {
    std::string why = run->in_time ? judge_sensor(run->wait_status, *board).reason
                                   : fmt::format("the test was not over after {} s, the plugin is in {}",
                                                 limit.count() / 1000, name_of(board->phase()));
    checks.push_back({{"check", "it stays alive"}, {"ok", false}, {"detail", std::move(why)}});
    ++failed;
  }
  if (context.json) {
    const Json out{{"plugin", plugin->string()}, {"ok", failed == 0}, {"failed", failed}, {"checks", checks}};
    if (auto ok = print(out.dump() + "\n"); !ok) return ok;
  } else {
    std::string out;
    for (const auto& check : checks) {
      const bool ok = check["ok"].get<bool>();
      out += fmt::format("{} {}{}{}\n", ok ? "ok  " : "FAIL", check.value("check", ""),
                         check.value("detail", "").empty() ? "" : ": ", check.value("detail", ""));
    }
    if (auto ok = print(out); !ok) return ok;
  }
  if (failed > 0) {
    return fail(Errc::bad_file, fmt::format("{} of {} checks failed", failed, checks.size()), "plugin");
  }
  return {};
}

Status sensors(SensorsOptions options, const Context& context) {
  if (options.server.key.empty()) options.server.key = environment("ZENITH_API_KEY").value_or("");
  if (options.what == "list") return list(options, context);
  if (options.name.empty()) {
    return fail(Errc::invalid_argument,
                options.what == "watch" ? "zenith sensors watch ID: the sensor's id is missing"
                                        : "zenith sensors test PLUGIN.so: the plugin is missing",
                "name");
  }
  return options.what == "watch" ? watch(options, context) : test(options, context);
}

}  // namespace

Action add_sensors(CLI::App& app) {
  auto options = std::make_shared<SensorsOptions>();
  app.add_option("WHAT", options->what, "list (default), watch ID, test PLUGIN")
      ->check(CLI::IsMember({"list", "watch", "test"}));
  app.add_option("NAME", options->name,
                 "watch: a sensor's id; test: a plugin's path, or its name in the plugin folders");
  app.add_option("--url", options->server.url, "the running server; default http://127.0.0.1:8080");
  app.add_option("--key", options->server.key, "an API key; default $ZENITH_API_KEY");
  app.add_option("--ca", options->server.ca_file, "the certificate to trust, for https");
  app.add_option("--rate", options->rate, "watch: at most so many frames a second")->check(CLI::PositiveNumber);
  app.add_option("--frames", options->frames, "watch: end after so many");
  app.add_option("--options", options->plugin_options, "test: JSON that the plugin is opened with");
  app.add_option("--seconds", options->seconds, "test: how long to read; default 2")->check(CLI::Range(0.1, 60.0));
  return [options](const Context& context) { return sensors(*options, context); };
}

}  // namespace zenith::tools
