#include "recording/lines.hpp"

#include <nlohmann/json.hpp>

namespace zenith::services::recording {
namespace {

using Json = nlohmann::ordered_json;
using namespace messages;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

Json json_of(const Value& value) {
  return std::visit(Overloaded{[](const Value::Array& array) {
                                 Json out = Json::array();
                                 for (const Value& one : array) out.push_back(json_of(one));
                                 return out;
                               },
                               [](const Value::Object& object) {
                                 Json out = Json::object();
                                 for (const auto& [key, one] : object) out[key] = json_of(one);
                                 return out;
                               },
                               [](const auto& plain) { return Json(plain); }},
                    value.data);
}

Json json_of(const Chat& chat) {
  Json messages = Json::array();
  for (const ChatMessage& message : chat.messages) {
    Json one{{"role", message.role}, {"text_parts", message.text_parts}};
    if (!message.name.empty()) one["name"] = message.name;
    if (!message.reasoning_content.empty()) one["reasoning_content"] = message.reasoning_content;
    messages.push_back(std::move(one));
  }
  Json out{{"messages", std::move(messages)}};
  if (!chat.template_kwargs.empty()) out["template_kwargs"] = json_of(Value{chat.template_kwargs});
  if (!chat.reasoning_effort.empty()) out["reasoning_effort"] = chat.reasoning_effort;
  return out;
}

Json json_of(const SamplingParams& p) {
  Json out{{"temperature", p.temperature},
           {"top_p", p.top_p},
           {"min_p", p.min_p},
           {"top_k", p.top_k},
           {"presence_penalty", p.presence_penalty},
           {"frequency_penalty", p.frequency_penalty},
           {"repeat_penalty", p.repeat_penalty},
           {"ignore_eos", p.ignore_eos},
           {"logit_bias", p.logit_bias}};
  if (p.seed) out["seed"] = *p.seed;
  return out;
}

const char* name_of(Priority priority) {
  switch (priority) {
    case Priority::background: return "background";
    case Priority::normal: return "normal";
    case Priority::interactive: return "interactive";
  }
  return "";
}

Json request_json(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const char* kind, const Header& header,
                  const std::string& model) {
  return {{"request", kind},
          {"id", header.id.value},
          {"order", at.order},
          {"at_ns", at.ns},
          {"unix_seconds", unix_seconds},
          {"deadline_ns", deadline_ns},
          {"tenant", header.tenant.value},
          {"priority", name_of(header.priority)},
          {"model", model}};
}

// A token's bytes may be part of a character, so they are numbers.
Json json_of(const LogprobEntry& entry) {
  return {{"token", entry.token},
          {"bytes", std::vector<unsigned char>(entry.bytes.begin(), entry.bytes.end())},
          {"logprob", entry.logprob}};
}

Json json_of(const std::vector<TokenLogprobs>& all) {
  Json out = Json::array();
  for (const TokenLogprobs& one : all) {
    Json top = Json::array();
    for (const LogprobEntry& entry : one.top) top.push_back(json_of(entry));
    Json picked = json_of(one.picked);
    picked["top"] = std::move(top);
    out.push_back(std::move(picked));
  }
  return out;
}

Json answer_json(const char* event, std::int64_t ns, RequestId id) {
  return {{"event", event}, {"id", id.value}, {"at_ns", ns}};
}

Json json_of(std::int64_t ns, RequestId id, const Error& error) {
  Json out = answer_json("error", ns, id);
  out["code"] = to_string(error.code);
  out["message"] = error.message;
  if (!error.param.empty()) out["param"] = error.param;
  return out;
}

template <class T, class Fill>
std::string reply_line(std::int64_t ns, RequestId id, const Expected<T>& reply, Fill fill) {
  if (!reply) return dump(json_of(ns, id, reply.error()));
  Json out = answer_json("reply", ns, id);
  fill(out, *reply);
  return dump(out);
}

}  // namespace

std::string first_line(std::int64_t unix_seconds) {
  return dump({{"zenith_recording", kVersion}, {"unix_seconds", unix_seconds}});
}

std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const Generate& request) {
  Json out = request_json(at, unix_seconds, deadline_ns, "generate", request.header, request.model);
  std::visit(Overloaded{[&](const Chat& chat) { out["chat"] = json_of(chat); },
                        [&](const std::string& text) { out["prompt"] = text; },
                        [&](const std::vector<TokenId>& tokens) { out["prompt"] = tokens; }},
             request.prompt);
  out["sampling"] = json_of(request.sampling);
  out["choices"] = request.choices;
  if (request.max_tokens) out["max_tokens"] = *request.max_tokens;
  out["stop"] = request.stop;
  out["logprobs"] = request.logprobs;
  out["top_logprobs"] = request.top_logprobs;
  out["echo"] = request.echo;
  if (!request.staged.empty()) out["staged_parts"] = request.staged.size();  // pictures are not written down
  return dump(out);
}

std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const Embed& request) {
  Json out = request_json(at, unix_seconds, deadline_ns, "embed", request.header, request.model);
  Json inputs = Json::array();
  for (const auto& input : request.inputs) {
    std::visit([&](const auto& one) { inputs.push_back(one); }, input);
  }
  out["inputs"] = std::move(inputs);
  return dump(out);
}

std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const Tokenize& request) {
  Json out = request_json(at, unix_seconds, deadline_ns, "tokenize", request.header, request.model);
  out["content"] = request.content;
  out["add_special"] = request.add_special;
  out["parse_special"] = request.parse_special;
  return dump(out);
}

std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const Detokenize& request) {
  Json out = request_json(at, unix_seconds, deadline_ns, "detokenize", request.header, request.model);
  out["tokens"] = request.tokens;
  return dump(out);
}

std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const ApplyTemplate& request) {
  Json out = request_json(at, unix_seconds, deadline_ns, "apply_template", request.header, request.model);
  out["chat"] = json_of(request.chat);
  out["add_generation_prompt"] = request.add_generation_prompt;
  return dump(out);
}

std::string line(std::int64_t ns, RequestId id, const Event& event) {
  return dump(std::visit(Overloaded{[&](const Started& started) {
                                      Json out = answer_json("started", ns, id);
                                      out["prompt_tokens"] = started.prompt_tokens;
                                      return out;
                                    },
                                    [&](const Delta& delta) {
                                      Json out = answer_json("delta", ns, id);
                                      out["choice"] = delta.choice;
                                      out["content"] = delta.content;
                                      if (!delta.reasoning.empty()) out["reasoning"] = delta.reasoning;
                                      if (!delta.logprobs.empty()) out["logprobs"] = json_of(delta.logprobs);
                                      return out;
                                    },
                                    [&](const ChoiceEnd& end) {
                                      Json out = answer_json("choice_end", ns, id);
                                      out["choice"] = end.choice;
                                      out["reason"] = end.reason == FinishReason::stop ? "stop" : "length";
                                      return out;
                                    },
                                    [&](const Finished& finished) {
                                      Json out = answer_json("finished", ns, id);
                                      const Usage& u = finished.usage;
                                      out["usage"] = {{"prompt_tokens", u.prompt_tokens},
                                                      {"completion_tokens", u.completion_tokens},
                                                      {"cached_tokens", u.cached_tokens},
                                                      {"reasoning_tokens", u.reasoning_tokens}};
                                      const Timings& t = finished.timings;
                                      out["timings"] = {{"queue_ms", t.queue_ms},
                                                        {"prompt_ms", t.prompt_ms},
                                                        {"predicted_ms", t.predicted_ms}};
                                      return out;
                                    },
                                    [&](const Audio& audio) {
                                      Json out = answer_json("audio", ns, id);
                                      out["samples"] = audio.samples.size();
                                      return out;
                                    },
                                    [&](const AudioBytes& audio) {
                                      Json out = answer_json("audio_bytes", ns, id);
                                      out["bytes"] = audio.bytes.size();
                                      return out;
                                    },
                                    [&](const Frames& frames) {
                                      Json out = answer_json("frames", ns, id);
                                      out["frames"] = frames.heads.size();
                                      return out;
                                    },
                                    [&](const Error& error) { return json_of(ns, id, error); }},
                         event));
}

std::string line(std::int64_t ns, RequestId id, const Expected<Embeddings>& reply) {
  return reply_line(ns, id, reply, [](Json& out, const Embeddings& r) {
    out["vectors"] = r.vectors;
    out["prompt_tokens"] = r.prompt_tokens;
  });
}
std::string line(std::int64_t ns, RequestId id, const Expected<Tokens>& reply) {
  return reply_line(ns, id, reply, [](Json& out, const Tokens& r) { out["tokens"] = r.tokens; });
}
std::string line(std::int64_t ns, RequestId id, const Expected<Text>& reply) {
  return reply_line(ns, id, reply, [](Json& out, const Text& r) { out["text"] = r.text; });
}

std::string cancel_line(std::int64_t ns, RequestId id) { return dump(answer_json("cancel", ns, id)); }

}  // namespace zenith::services::recording
