#include "realtime/config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "api/speech_request.hpp"

namespace zenith::gateway::realtime {
namespace {

/// The field's value, or return its problem.
#define ZENITH_READ(name, expression)                                \
  auto name##_read = (expression);                                   \
  if (!name##_read) return tl::make_unexpected(name##_read.error()); \
  auto& name = *name##_read

Read<Encoding> read_format(const Node& format) {
  if (auto ok = format.only({"type", "rate"}); !ok) return tl::make_unexpected(ok.error());
  ZENITH_READ(type, format.choice("type", {"audio/pcm", "audio/pcmu", "audio/pcma"}));
  if (!type) return missing(format.path_of("type"));
  const auto encoding = static_cast<Encoding>(*type);
  const std::int64_t rate = rate_of(encoding);
  ZENITH_READ(given, format.integer("rate", 1, 1 << 20));
  if (given && *given != rate) {
    return wrong("invalid_value", fmt::format("{}: must be {}, not {}", format.path_of("rate"), rate, *given),
                 format.path_of("rate"));
  }
  return encoding;
}

Read<std::optional<ServerVad>> read_turns(const Node& input, const Available& available) {
  if (input.is_null("turn_detection")) return std::optional<ServerVad>{};
  ZENITH_READ(node, input.object("turn_detection"));
  ZENITH_READ(type, node->choice("type", {"server_vad", "semantic_vad"}));
  const auto path = node->path_of("type");
  if (type == 1U) return not_served(path, "semantic_vad is not served here; server_vad is");
  if (!available.activity)
    return not_served(path, "server_vad needs the model silero-vad: `zenith pull silero-vad`, then restart");
  if (auto ok = node->only({"type", "threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms",
                            "create_response", "interrupt_response"});
      !ok) {
    return tl::make_unexpected(ok.error());
  }
  ServerVad out;
  ZENITH_READ(threshold, node->number("threshold", 0.05, 1));
  ZENITH_READ(prefix, node->integer("prefix_padding_ms", 0, 10'000));
  ZENITH_READ(silence, node->integer("silence_duration_ms", 32, 60'000));
  ZENITH_READ(idle, node->integer("idle_timeout_ms", 1'000, 300'000));
  ZENITH_READ(create, node->flag("create_response"));
  ZENITH_READ(interrupt, node->flag("interrupt_response"));
  out.threshold = static_cast<float>(threshold.value_or(0.5));
  out.prefix_ms = static_cast<std::uint32_t>(prefix.value_or(300));
  out.silence_ms = static_cast<std::uint32_t>(silence.value_or(500));
  if (idle) out.idle_ms = static_cast<std::uint32_t>(*idle);
  out.create_response = create.value_or(true);
  out.interrupt_response = interrupt.value_or(true);
  return std::optional<ServerVad>{out};
}

Read<std::optional<TranscriptionConfig>> read_transcription(const Node& input) {
  if (input.is_null("transcription")) return std::optional<TranscriptionConfig>{};
  ZENITH_READ(node, input.object("transcription"));
  if (auto ok = node->only({"model", "language"}, {"prompt", "languages", "keywords", "delay"}); !ok)
    return tl::make_unexpected(ok.error());
  TranscriptionConfig out;
  ZENITH_READ(model, node->text("model", 512));
  ZENITH_READ(language, node->text("language", 16));
  out.model = model.value_or("");
  out.language = language.value_or("");
  return std::optional<TranscriptionConfig>{std::move(out)};
}

Read<void> read_input(Config& config, const Node& audio, const Available& available) {
  ZENITH_READ(input, audio.object("input"));
  if (!input) return {};
  if (auto ok = input->only({"format", "transcription", "turn_detection"}, {"noise_reduction"}); !ok) return ok;
  ZENITH_READ(format, input->object("format"));
  if (format) {
    ZENITH_READ(encoding, read_format(*format));
    config.input = encoding;
  }
  if (input->member("turn_detection") != nullptr) {
    ZENITH_READ(turns, read_turns(*input, available));
    config.vad = turns;
  }
  if (input->member("transcription") != nullptr) {
    ZENITH_READ(transcription, read_transcription(*input));
    config.transcription = std::move(transcription);
  }
  return {};
}

Read<void> read_audio_output(OutputConfig& out, float* speed, const Node& audio, const Available& available) {
  ZENITH_READ(output, audio.object("output"));
  if (!output) return {};
  if (speed != nullptr) {
    if (auto ok = output->only({"format", "voice", "speed"}); !ok) return ok;
    ZENITH_READ(given, output->number("speed", 0.25, 1.5));
    if (given) *speed = static_cast<float>(*given);
  } else if (auto ok = output->only({"format", "voice"}); !ok) {
    return ok;
  }
  ZENITH_READ(format, output->object("format"));
  if (format) {
    ZENITH_READ(encoding, read_format(*format));
    out.encoding = encoding;
  }
  ZENITH_READ(voice, output->text("voice", 64));
  if (voice) {
    const auto found = find_voice(available.models, *voice);
    if (!found && found.error().code == Errc::invalid_argument)
      return wrong("invalid_value", found.error().message, output->path_of("voice"));
    out.voice = *voice;
  }
  return {};
}

Read<void> read_plain_output(OutputConfig& out, const Node& node) {
  ZENITH_READ(instructions, node.text("instructions", kMostInstructions));
  if (instructions) out.instructions = *instructions;
  ZENITH_READ(modalities, node.list("output_modalities", 2));
  if (modalities != nullptr) {
    const auto path = node.path_of("output_modalities");
    const auto* only = modalities->size() == 1 ? std::get_if<std::string>(&modalities->front().data) : nullptr;
    if (only == nullptr || (*only != "audio" && *only != "text"))
      return wrong("invalid_value", path + R"(: must be ["audio"] or ["text"])", path);
    out.audio = *only == "audio";
  }
  if (const auto* most = node.member("max_output_tokens"); most != nullptr && node.has("max_output_tokens")) {
    const auto* word = std::get_if<std::string>(&most->data);
    if (word != nullptr && *word == "inf") {
      out.max_tokens.reset();
    } else {
      ZENITH_READ(number, node.integer("max_output_tokens", 1, 4096));
      out.max_tokens = static_cast<std::uint32_t>(*number);
    }
  }
  return {};
}

Read<void> check_tools(const Node& node) {
  ZENITH_READ(tools, node.list("tools", 128));
  if (tools != nullptr && !tools->empty()) return not_served(node.path_of("tools"), "tools are not served here yet");
  ZENITH_READ(choice, node.choice("tool_choice", {"auto", "none"}));
  static_cast<void>(choice);
  return {};
}

}  // namespace

Read<void> read_output(OutputConfig& output, const Node& node, const Available& available) {
  OutputConfig fresh = output;
  if (auto ok = read_plain_output(fresh, node); !ok) return ok;
  if (auto ok = check_tools(node); !ok) return ok;
  ZENITH_READ(audio, node.object("audio"));
  if (audio) {
    if (auto ok = audio->only({"output"}); !ok) return ok;
    if (auto ok = read_audio_output(fresh, nullptr, *audio, available); !ok) return ok;
  }
  output = std::move(fresh);
  return {};
}

Read<void> update(Config& config, const Node& session, const Available& available) {
  ZENITH_READ(type, session.choice("type", {"realtime", "transcription"}));
  if (!type) return missing(session.path_of("type"));
  if (*type == 1) return not_served(session.path_of("type"), "transcription sessions are not served here; realtime is");
  if (auto ok = session.only({"type", "model", "instructions", "output_modalities", "max_output_tokens", "audio",
                              "tools", "tool_choice", "truncation", "object", "id"},
                             {"tracing", "prompt", "include", "reasoning", "parallel_tool_calls"});
      !ok) {
    return ok;
  }
  Config fresh = config;
  ZENITH_READ(model, session.text("model", 512));
  if (model && *model != available.model) {
    return wrong("invalid_value",
                 fmt::format("session.model: is {} for the whole session: connect anew for another", available.model),
                 "session.model");
  }
  if (auto ok = read_plain_output(fresh.output, session); !ok) return ok;
  if (auto ok = check_tools(session); !ok) return ok;
  if (const auto* truncation = session.member("truncation");
      truncation != nullptr && std::holds_alternative<Value::Object>(truncation->data)) {
    return not_served("session.truncation", "a retention ratio is not served here; auto and disabled are");
  }
  ZENITH_READ(truncation, session.choice("truncation", {"auto", "disabled"}));
  if (truncation) fresh.truncate = *truncation == 0;
  ZENITH_READ(audio, session.object("audio"));
  if (audio) {
    if (auto ok = audio->only({"input", "output"}); !ok) return ok;
    if (auto ok = read_input(fresh, *audio, available); !ok) return ok;
    if (auto ok = read_audio_output(fresh.output, &fresh.speed, *audio, available); !ok) return ok;
  }
  config = std::move(fresh);
  return {};
}

Expected<Voice> find_voice(const messages::Snapshot& models, const std::string& voice) {
  const bool own = voice.empty() || std::find(kStockVoices.begin(), kStockVoices.end(), voice) != kStockVoices.end();
  std::vector<std::string> known;
  for (const auto& model : models.models) {
    if (model.kind != messages::ModelKind::speech || !model.alias_of.empty()) continue;
    if (own) return Voice{model.name, {}};
    for (const auto& name : model.voices) {
      if (name == voice) return Voice{model.name, name};
      known.push_back(name);
    }
  }
  if (known.empty())
    return fail(Errc::unavailable, "nothing here speaks: no voice service is configured, or it is not up", "voice");
  return fail(Errc::invalid_argument,
              fmt::format("voice: '{}' is unknown; there are: {}, and {}", voice.substr(0, 64), fmt::join(known, ", "),
                          fmt::join(kStockVoices, ", ")),
              "voice");
}

void write_format(JsonWriter& w, Encoding encoding) {
  w.begin_object().key("type").string(media_type(encoding));
  if (encoding == Encoding::pcm) w.key("rate").integer(rate_of(encoding));
  w.end_object();
}

void write_max_tokens(JsonWriter& w, const OutputConfig& output) {
  w.key("max_output_tokens");
  if (output.max_tokens) {
    w.integer(*output.max_tokens);
  } else {
    w.string("inf");
  }
}

namespace {

void write_turns(JsonWriter& w, const std::optional<ServerVad>& vad) {
  w.key("turn_detection");
  if (!vad) {
    w.null();
    return;
  }
  w.begin_object().key("type").string("server_vad").key("threshold").number(vad->threshold);
  w.key("prefix_padding_ms").integer(vad->prefix_ms).key("silence_duration_ms").integer(vad->silence_ms);
  w.key("idle_timeout_ms");
  if (vad->idle_ms) {
    w.integer(*vad->idle_ms);
  } else {
    w.null();
  }
  w.key("create_response").boolean(vad->create_response).key("interrupt_response").boolean(vad->interrupt_response);
  w.end_object();
}

}  // namespace

void write_session(JsonWriter& w, const std::string& id, const std::string& model, const Config& config) {
  w.begin_object().key("type").string("realtime").key("object").string("realtime.session").key("id").string(id);
  w.key("model").string(model).key("output_modalities").begin_array();
  w.string(config.output.audio ? "audio" : "text").end_array();
  w.key("instructions").string(config.output.instructions).key("tools").begin_array().end_array();
  w.key("tool_choice").string("auto");
  write_max_tokens(w, config.output);
  w.key("truncation").string(config.truncate ? "auto" : "disabled");
  w.key("tracing").null().key("prompt").null().key("include").null();
  w.key("audio").begin_object().key("input").begin_object().key("format");
  write_format(w, config.input);
  w.key("transcription");
  if (config.transcription) {
    w.begin_object().key("model").string(config.transcription->model).key("language");
    if (config.transcription->language.empty()) {
      w.null();
    } else {
      w.string(config.transcription->language);
    }
    w.end_object();
  } else {
    w.null();
  }
  w.key("noise_reduction").null();
  write_turns(w, config.vad);
  w.end_object().key("output").begin_object().key("format");
  write_format(w, config.output.encoding);
  w.key("voice").string(config.output.voice).key("speed").number(config.speed).end_object().end_object().end_object();
}

}  // namespace zenith::gateway::realtime
