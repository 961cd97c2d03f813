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
#include "zenith/gateway/transcript.hpp"

namespace zenith::tools {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::hours kLimit{1};  // of the work

struct Options {
  std::string file, model = "whisper-base", language, prompt, format = "text";
};

struct Made {
  messages::Transcript transcript;
  double seconds = 0;  ///< of work
};

Expected<Made> hear(services::Stack& stack, const Options& options, std::string bytes, Effects& effects,
                    const Signals& signals) {
  messages::Transcribe request;
  request.header.id = effects.next_request_id();
  request.header.deadline = {effects.clock().now() + kLimit};
  request.model = options.model;
  request.audio = Buffer::of(std::move(bytes));
  request.language = options.language;
  request.prompt = options.prompt;
  const RequestId id = request.header.id;
  struct Answer {
    Event done;
    Expected<messages::Transcript> transcript;
  };
  const auto answer = std::make_shared<Answer>();
  const auto start = SteadyClock::now();
  stack.port().transcribe(std::move(request), [answer](Expected<messages::Transcript> transcript) {
    answer->transcript = std::move(transcript);
    answer->done.raise();
  });
  for (;;) {
    std::array<pollfd, 2> waited{{{signals.fd(), POLLIN, 0}, {answer->done.fd(), POLLIN, 0}}};
    if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) return fail(Errc::internal, "waiting failed");
    if (signals.take() != 0) stack.port().cancel(id);
    if ((waited[1].revents & POLLIN) == 0) continue;
    if (!answer->transcript) return tl::make_unexpected(answer->transcript.error());
    return Made{*answer->transcript, std::chrono::duration<double>(SteadyClock::now() - start).count()};
  }
}

std::string as_json(const Options& options, const Made& made) {
  nlohmann::ordered_json segments = nlohmann::ordered_json::array();
  std::string text;
  for (const auto& s : made.transcript.segments) {
    segments.push_back({{"start_s", s.start}, {"end_s", s.end}, {"text", s.text}});
    text += s.text;
  }
  const double audio = made.transcript.duration;
  const nlohmann::ordered_json json{
      {"path", options.file}, {"model", options.model}, {"language", made.transcript.language},
      {"audio_s", audio},     {"made_s", made.seconds}, {"real_time_factor", audio > 0 ? made.seconds / audio : 0},
      {"text", text},         {"segments", segments}};
  return json.dump() + "\n";
}

Status transcribe(const Options& options, const Context& context) {
  auto bytes = read_input_file(options.file, messages::kMostAudioFile);
  if (!bytes) return tl::make_unexpected(bytes.error());
  signal(SIGPIPE, SIG_IGN);
  auto signals = Signals::block({SIGTERM, SIGINT});
  if (!signals) return tl::make_unexpected(signals.error());
  set_log_level(LogLevel::error);
  Expected<Made> made;
  if (auto ok = with_media("voice", options.model,
                           [&](services::Stack& stack, Effects& effects) -> Status {
                             made = hear(stack, options, std::move(*bytes), effects, *signals);
                             return {};
                           });
      !ok) {
    return ok;
  }
  if (!made) return tl::make_unexpected(made.error());
  if (context.json) return print(as_json(options, *made));
  for (const auto& [name, format] : gateway::kTranscriptFormats) {
    if (name != options.format) continue;
    auto text = gateway::render_transcript(made->transcript, format).body;
    if (!text.ends_with('\n')) text += '\n';
    return print(text);
  }
  return fail(Errc::invalid_argument, "--format " + options.format + " is unknown", "format");
}

}  // namespace

Action add_transcribe(CLI::App& app) {
  auto options = std::make_shared<Options>();
  std::vector<std::string> formats;
  for (const auto& [name, format] : gateway::kTranscriptFormats) formats.emplace_back(name);
  app.add_option("FILE", options->file, "sound or video, in any format that FFmpeg reads")->required();
  app.add_option("--model", options->model, "a model that transcribes; default whisper-base");
  app.add_option("--language", options->language, "what is spoken, as en or english; default: found out");
  app.add_option("--prompt", options->prompt, "words and spellings to expect");
  app.add_option("--format", options->format, "text, srt, vtt, json or verbose_json; default text")
      ->check(CLI::IsMember(formats));
  return [options](const Context& context) { return transcribe(*options, context); };
}

}  // namespace zenith::tools
