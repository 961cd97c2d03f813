#include <fmt/core.h>
#include <poll.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "input_file.hpp"
#include "media_run.hpp"
#include "signals.hpp"
#include "verb.hpp"
#include "zenith/core/log.hpp"

namespace zenith::tools {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::minutes kLimit{5};                  // of the work
constexpr std::size_t kMostBytes = std::size_t{32} << 20;  // of a picture

struct Options {
  std::string file, model = "ppocr-v4";
  bool ui = false;
};

struct Seen {
  messages::ImageReading reading;
  double ms = 0;
};

Expected<Seen> look(services::Stack& stack, const Options& options, std::string bytes, Effects& effects,
                    const Signals& signals) {
  messages::ReadImage request;
  request.header.id = effects.next_request_id();
  request.header.deadline = {effects.clock().now() + kLimit};
  request.model = options.model;
  request.mode = options.ui ? messages::ReadMode::ui : messages::ReadMode::text;
  request.image = Buffer::of(std::move(bytes));
  const RequestId id = request.header.id;
  struct Answer {
    Event done;
    Expected<messages::ImageReading> reading;
  };
  const auto answer = std::make_shared<Answer>();
  const auto start = SteadyClock::now();
  stack.port().read_image(std::move(request), [answer](Expected<messages::ImageReading> reading) {
    answer->reading = std::move(reading);
    answer->done.raise();
  });
  for (;;) {
    std::array<pollfd, 2> waited{{{signals.fd(), POLLIN, 0}, {answer->done.fd(), POLLIN, 0}}};
    if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) return fail(Errc::internal, "waiting failed");
    if (signals.take() != 0) stack.port().cancel(id);
    if ((waited[1].revents & POLLIN) == 0) continue;
    if (!answer->reading) return tl::make_unexpected(answer->reading.error());
    return Seen{std::move(*answer->reading),
                std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count()};
  }
}

const char* name_of(messages::ElementRole role) noexcept {
  switch (role) {
    case messages::ElementRole::box: return "box";
    case messages::ElementRole::text: return "text";
    case messages::ElementRole::link: return "link";
    case messages::ElementRole::button: return "button";
    case messages::ElementRole::field: return "field";
    case messages::ElementRole::image: return "image";
  }
  return "box";
}

std::string as_json(const Options& options, const Seen& seen) {
  using Json = nlohmann::ordered_json;
  const auto& reading = seen.reading;
  Json out{{"path", options.file}, {"model", options.model}, {"width", reading.width}, {"height", reading.height}};
  Json lines = Json::array();
  std::string text;
  for (const auto& line : reading.lines) {
    text += (text.empty() ? "" : "\n") + line.text;
    Json box = Json::array();
    for (std::size_t i = 0; i < 8; i += 2) box.push_back({line.box[i], line.box[i + 1]});
    lines.push_back({{"text", line.text}, {"box", std::move(box)}, {"confidence", line.confidence}});
  }
  out["text"] = std::move(text);
  out["lines"] = std::move(lines);
  if (options.ui) {
    Json elements = Json::array();
    for (std::size_t id = 0; id < reading.elements.size(); ++id) {
      const auto& e = reading.elements[id];
      elements.push_back({{"id", id},
                          {"role", name_of(e.role)},
                          {"text", e.text},
                          {"box", e.box},
                          {"confidence", e.confidence},
                          {"enabled", e.enabled},
                          {"children", e.children}});
    }
    out["elements"] = std::move(elements);
    out["reading_order"] = reading.reading_order;
  }
  out["read_ms"] = seen.ms;
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// The tree, a line each: role, text, place.
void print_element(const messages::ImageReading& reading, std::size_t id, std::size_t depth, std::string& out) {
  const auto& e = reading.elements[id];
  out += fmt::format("{}{} {}({}, {})-({}, {}){}\n", std::string(2 * depth, ' '), name_of(e.role),
                     e.text.empty() ? "" : '"' + e.text + "\" ", e.box[0], e.box[1], e.box[2], e.box[3],
                     e.enabled ? "" : " disabled");
  for (const auto child : e.children) print_element(reading, child, depth + 1, out);
}

std::string as_text(const Options& options, const messages::ImageReading& reading) {
  std::string out;
  if (!options.ui) {
    for (const auto& line : reading.lines) out += line.text + "\n";
    return out;
  }
  std::vector<bool> is_child(reading.elements.size(), false);
  for (const auto& e : reading.elements) {
    for (const auto child : e.children) is_child[child] = true;
  }
  for (std::size_t id = 0; id < reading.elements.size(); ++id) {
    if (!is_child[id]) print_element(reading, id, 0, out);
  }
  return out;
}

Status see(const Options& options, const Context& context) {
  auto bytes = read_input_file(options.file, kMostBytes);
  if (!bytes) return tl::make_unexpected(bytes.error());
  signal(SIGPIPE, SIG_IGN);
  auto signals = Signals::block({SIGTERM, SIGINT});
  if (!signals) return tl::make_unexpected(signals.error());
  set_log_level(LogLevel::error);
  Expected<Seen> seen;
  if (auto ok = with_media("vision", options.model,
                           [&](services::Stack& stack, Effects& effects) -> Status {
                             seen = look(stack, options, std::move(*bytes), effects, *signals);
                             return {};
                           });
      !ok) {
    return ok;
  }
  if (!seen) return tl::make_unexpected(seen.error());
  return print(context.json ? as_json(options, *seen) : as_text(options, seen->reading));
}

}  // namespace

Action add_see(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("FILE", options->file, "a picture: PNG, JPEG, WebP, GIF, BMP or TIFF")->required();
  app.add_flag("--ui", options->ui, "of a screenshot: its elements as a tree");
  app.add_option("--model", options->model, "a model that reads pictures; default ppocr-v4");
  return [options](const Context& context) { return see(*options, context); };
}

}  // namespace zenith::tools
