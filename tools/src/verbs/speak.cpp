#include <fmt/core.h>
#include <poll.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "conversation.hpp"
#include "media_run.hpp"
#include "signals.hpp"
#include "verb.hpp"
#include "zenith/core/log.hpp"
#include "zenith/services/stack.hpp"
#include "zenith/tools/model_files.hpp"

namespace zenith::tools {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::minutes kSpeakLimit{30};

struct Options {
  std::string text, out, model, voice;
  float speed = 1;
};

struct Spoken {
  std::uint32_t sample_rate = 0;
  std::vector<std::int16_t> samples;
  double first_ms = 0, all_ms = 0;
};

double ms_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count();
}

Expected<Spoken> listen(services::Stack& stack, const Options& options, Effects& effects, const Signals& signals) {
  messages::Speak speak;
  speak.header.id = effects.next_request_id();
  speak.header.deadline = {effects.clock().now() + kSpeakLimit};
  speak.model = options.model;
  speak.input = options.text;
  speak.voice = options.voice;
  speak.speed = options.speed;
  const RequestId id = speak.header.id;
  auto queue = std::make_shared<EventQueue>();
  Spoken out;
  const auto start = SteadyClock::now();
  stack.port().speak(std::move(speak), queue);
  for (;;) {
    std::array<pollfd, 2> waited{{{signals.fd(), POLLIN, 0}, {queue->fd(), POLLIN, 0}}};
    if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) return fail(Errc::internal, "waiting failed");
    if (signals.take() != 0) stack.port().cancel(id);
    const auto events = queue->take();
    for (const auto& event : events) {
      if (const auto* audio = std::get_if<messages::Audio>(&event)) {
        if (out.samples.empty()) out.first_ms = ms_since(start);
        out.sample_rate = audio->sample_rate;
        out.samples.insert(out.samples.end(), audio->samples.begin(), audio->samples.end());
      } else if (const auto* error = std::get_if<Error>(&event)) {
        return tl::make_unexpected(*error);
      } else if (std::holds_alternative<messages::Finished>(event)) {
        out.all_ms = ms_since(start);
        return out;
      }
    }
    if (!events.empty()) stack.port().grant(id, static_cast<std::uint32_t>(events.size()));
  }
}

void append_le(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

Status write_wav(const Spoken& spoken, const std::string& path) {
  const std::uint64_t bytes = spoken.samples.size() * 2;
  std::string out = "RIFF";
  append_le(out, 36 + bytes, 4);
  out += "WAVEfmt ";
  append_le(out, 16, 4);
  append_le(out, 1, 2);  // PCM
  append_le(out, 1, 2);  // one channel
  append_le(out, spoken.sample_rate, 4);
  append_le(out, std::uint64_t{spoken.sample_rate} * 2, 4);
  append_le(out, 2, 2);
  append_le(out, 16, 2);
  out += "data";
  append_le(out, bytes, 4);
  for (const std::int16_t sample : spoken.samples) append_le(out, static_cast<std::uint16_t>(sample), 2);
  std::ofstream file{path, std::ios::binary | std::ios::trunc};
  file.write(out.data(), static_cast<std::streamsize>(out.size()));
  file.close();
  if (!file) return fail(Errc::io, path + " cannot be written", "output");
  return {};
}

Status speak(Options options, const Context& context) {
  if (options.model.empty()) {
    const auto config = environment_config();
    if (!config) return tl::make_unexpected(config.error());
    options.model = resolve_model("piper-joe", models_dir(*config)) ? "piper-joe" : "kokoro-82m";
  }
  signal(SIGPIPE, SIG_IGN);
  auto signals = Signals::block({SIGTERM, SIGINT});
  if (!signals) return tl::make_unexpected(signals.error());
  set_log_level(LogLevel::error);
  Expected<Spoken> spoken;
  if (auto ok = with_media("voice", options.model,
                           [&](services::Stack& stack, Effects& effects) -> Status {
                             spoken = listen(stack, options, effects, *signals);
                             return {};
                           });
      !ok) {
    return ok;
  }
  if (!spoken) return tl::make_unexpected(spoken.error());
  if (auto ok = write_wav(*spoken, options.out); !ok) return ok;
  const double seconds = static_cast<double>(spoken->samples.size()) / spoken->sample_rate;
  if (!context.json) return print(fmt::format("{}: {:.1f} s of speech\n", options.out, seconds));
  const nlohmann::ordered_json json{{"path", options.out},
                                    {"model", options.model},
                                    {"sample_rate", spoken->sample_rate},
                                    {"audio_s", seconds},
                                    {"first_audio_ms", spoken->first_ms},
                                    {"made_ms", spoken->all_ms},
                                    {"real_time_factor", spoken->all_ms / 1000 / seconds}};
  return print(json.dump() + "\n");
}

}  // namespace

Action add_speak(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("TEXT", options->text, "what to say")->required();
  app.add_option("-o,--output", options->out, "the wav file to write")->required();
  app.add_option("--model", options->model,
                 "a model that speaks; default piper-joe where it is installed, else kokoro-82m");
  app.add_option("--voice", options->voice, "one of the model's voices; default its own");
  app.add_option("--speed", options->speed, "0.25 to 4; 1 as recorded")->check(CLI::Range(0.25, 4.0));
  return [options](const Context& context) { return speak(*options, context); };
}

}  // namespace zenith::tools
