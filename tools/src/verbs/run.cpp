#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "conversation.hpp"
#include "local_model.hpp"
#include "signals.hpp"
#include "verb.hpp"
#include "zenith/core/log.hpp"
#include "zenith/services/stack.hpp"
#include "zenith/tools/model_files.hpp"

namespace zenith::tools {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::chrono::minutes kLoadLimit{30};
constexpr std::chrono::hours kTurnLimit{1};

struct Options {
  std::string model, system;
  std::vector<std::string> prompt;
  std::optional<std::uint32_t> max_tokens;
  std::optional<float> temperature;
  std::optional<std::uint64_t> seed;
  bool raw = false;
};

struct Turn {
  std::string text;
  messages::Usage usage;
  messages::Timings timings;
  messages::FinishReason finish = messages::FinishReason::stop;
};

std::string_view finish_name(messages::FinishReason reason) {
  return reason == messages::FinishReason::stop ? "stop" : "length";
}

/// The graph of this process, with one model and nothing that listens.
class Chat {
 public:
  Chat(const Options& options, const Signals& signals, bool stream)
      : options_(options), signals_(signals), stream_(stream) {}

  Status start() {
    auto config = environment_config();
    if (!config) return tl::make_unexpected(config.error());
    ServiceConfig text;
    text.role = "text";
    text.models = {options_.model};
    text.sequences = 1;
    config->services = {std::move(text)};
    ledger_ = std::make_unique<MemoryLedger>(memory_budget(*config));
    services::StackOptions stack_options;
    stack_options.find = [dir = models_dir(*config)](const std::string& name) { return resolve_model(name, dir); };
    stack_options.config = std::move(*config);
    auto stack = services::Stack::start(std::move(stack_options), *effects_, *ledger_, metrics_);
    if (!stack) return tl::make_unexpected(stack.error());
    stack_ = std::move(*stack);
    return stack_->wait_loaded(kLoadLimit);
  }

  void add(const std::string& role, const std::string& text) { history_.push_back({role, {text}, {}, {}}); }

  /// Streams to stdout. An interrupt ends the answer, not the program: what came so far is kept.
  Expected<Turn> answer() {
    auto queue = std::make_shared<EventQueue>();
    const RequestId id = effects_->next_request_id();
    stack_->port().generate(request(id), queue);
    Turn turn;
    for (;;) {
      std::array<pollfd, 2> waited{{{signals_.fd(), POLLIN, 0}, {queue->fd(), POLLIN, 0}}};
      if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR)
        return fail(Errc::internal, "waiting for the answer failed");
      if (const int signal = signals_.take(); signal != 0) {
        if (signal != SIGINT) interrupted_ = true;
        stack_->port().cancel(id);
      }
      const auto events = queue->take();
      for (const auto& event : events) {
        if (auto ended = on_event(event, turn); ended) return *ended;
      }
      if (!events.empty()) stack_->port().grant(id, static_cast<std::uint32_t>(events.size()));
    }
  }

  bool interrupted() const noexcept { return interrupted_; }  ///< SIGTERM came during an answer

 private:
  messages::Generate request(RequestId id) const {
    messages::Generate generate;
    generate.header.id = id;
    generate.header.deadline = {effects_->clock().now() + kTurnLimit};
    generate.header.priority = messages::Priority::interactive;
    generate.model = options_.model;
    if (options_.raw) {
      generate.prompt = history_.back().text_parts.front();
    } else {
      messages::Chat chat;
      chat.messages = history_;
      generate.prompt = std::move(chat);
    }
    if (options_.temperature) generate.sampling.temperature = *options_.temperature;
    generate.sampling.seed = options_.seed;
    generate.max_tokens = options_.max_tokens;
    return generate;
  }

  std::optional<Expected<Turn>> on_event(const messages::Event& event, Turn& turn) {
    if (const auto* delta = std::get_if<messages::Delta>(&event)) {
      turn.text += delta->content;
      if (stream_) {
        if (auto ok = print(delta->reasoning + delta->content); !ok) return tl::make_unexpected(ok.error());
      }
    } else if (const auto* end = std::get_if<messages::ChoiceEnd>(&event)) {
      turn.finish = end->reason;
    } else if (const auto* finished = std::get_if<messages::Finished>(&event)) {
      turn.usage = finished->usage;
      turn.timings = finished->timings;
      return turn;
    } else if (const auto* error = std::get_if<Error>(&event)) {
      if (error->code == Errc::cancelled) return turn;
      return tl::make_unexpected(*error);
    }
    return std::nullopt;
  }

  const Options& options_;
  const Signals& signals_;
  const bool stream_;
  bool interrupted_ = false;
  std::unique_ptr<Effects> effects_ = system_effects();
  std::unique_ptr<MemoryLedger> ledger_;
  Metrics metrics_;
  std::unique_ptr<services::Stack> stack_;
  std::vector<messages::ChatMessage> history_;
};

/// Lines from a terminal or a pipe, while signals are watched.
class Lines {
 public:
  explicit Lines(const Signals& signals) : signals_(signals) {}

  /// Empty at the end of the input and on a signal.
  std::optional<std::string> next() {
    for (;;) {
      if (const auto end = held_.find('\n'); end != std::string::npos) {
        std::string line = held_.substr(0, end);
        held_.erase(0, end + 1);
        return line;
      }
      std::array<pollfd, 2> waited{{{signals_.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
      if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) return std::nullopt;
      if (signals_.take() != 0) return std::nullopt;
      if (waited[1].revents == 0) continue;
      char block[4096];
      const ssize_t count = read(STDIN_FILENO, block, sizeof block);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return held_.empty() ? std::nullopt : std::optional{std::exchange(held_, {})};
      held_.append(block, static_cast<std::size_t>(count));
    }
  }

 private:
  const Signals& signals_;
  std::string held_;
};

Status converse(Chat& chat, const Signals& signals) {
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) std::fprintf(stderr, "Ctrl-C stops an answer, Ctrl-D ends the chat.\n");
  Lines lines{signals};
  while (!chat.interrupted()) {
    if (terminal) std::fprintf(stderr, "> ");
    const auto line = lines.next();
    if (!line) break;
    if (line->empty()) continue;
    chat.add("user", *line);
    const auto turn = chat.answer();
    if (!turn) return tl::make_unexpected(turn.error());
    chat.add("assistant", turn->text);
    if (auto ok = print("\n"); !ok) return ok;
  }
  if (terminal) std::fprintf(stderr, "\n");
  return {};
}

Status answer_once(Chat& chat, const Options& options, const Context& context) {
  std::string prompt;
  for (const auto& word : options.prompt) prompt += (prompt.empty() ? "" : " ") + word;
  if (prompt.empty()) {
    auto text = read_stdin(std::size_t{16} << 20);
    if (!text) return tl::make_unexpected(text.error());
    prompt = std::move(*text);
  }
  chat.add("user", prompt);
  const auto turn = chat.answer();
  if (!turn) return tl::make_unexpected(turn.error());
  if (!context.json) return print("\n");
  const auto& t = turn->timings;
  const Json body{
      {"model", options.model},
      {"text", turn->text},
      {"finish_reason", finish_name(turn->finish)},
      {"usage", {{"prompt_tokens", turn->usage.prompt_tokens}, {"completion_tokens", turn->usage.completion_tokens}}},
      {"timings",
       {{"prompt_n", t.prompt_n},
        {"prompt_ms", t.prompt_ms},
        {"predicted_n", t.predicted_n},
        {"predicted_ms", t.predicted_ms}}}};
  return print(body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Status run(const Options& options, const Context& context) {
  if (auto ok = restrict_kernels(); !ok) return ok;
  if (log_level() == LogLevel::info) set_log_level(LogLevel::warn);  // the terminal belongs to the chat
  auto signals = Signals::block({SIGINT, SIGTERM});
  if (!signals) return tl::make_unexpected(signals.error());
  // A name that is not there is said at once, before anything starts.
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  if (const auto found = resolve_model(options.model, models_dir(*config)); !found)
    return tl::make_unexpected(found.error());
  Chat chat{options, *signals, !context.json};
  if (auto ok = chat.start(); !ok) return ok;
  if (!options.system.empty()) chat.add("system", options.system);
  return options.prompt.empty() && !context.json ? converse(chat, *signals) : answer_once(chat, options, context);
}

}  // namespace

Action add_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "a model's name or path")->required();
  app.add_option("PROMPT", options->prompt, "answer this and end; without it: a chat, a line a turn");
  auto* raw =
      app.add_flag("--raw", options->raw,
                   "continue the prompt as it is, without the chat template (for base models); each line alone");
  app.add_option("--system", options->system, "the system message")->excludes(raw);
  app.add_option("--max-tokens", options->max_tokens, "tokens of an answer at most")->check(CLI::Range(1, 1 << 24));
  app.add_option("--temperature", options->temperature, "0 = always the most probable token")
      ->check(CLI::Range(0.0, 2.0));
  app.add_option("--seed", options->seed, "makes sampling repeatable");
  return [options](const Context& context) { return run(*options, context); };
}

}  // namespace zenith::tools
