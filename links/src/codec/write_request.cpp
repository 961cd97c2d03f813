#include "request_header.hpp"
#include "request_limits.hpp"
#include "sensor.hpp"
#include "values.hpp"

namespace zenith::links {
namespace {

struct PromptAt {
  fb::Prompt type = fb::Prompt::NONE;
  At<void> at;
};

At<fb::Text> write_text(Writer& w, const std::string& text, std::string_view field) {
  const auto at = w.text(text, field);
  return fb::CreateText(w.fbb(), at);
}

At<fb::Tokens> write_tokens(Writer& w, const std::vector<TokenId>& tokens) {
  const auto at = w.tokens(tokens);
  return fb::CreateTokens(w.fbb(), at);
}

PromptAt write_prompt(Writer& w, const messages::Prompt& prompt) {
  if (const auto* chat = std::get_if<messages::Chat>(&prompt)) return {fb::Prompt::Chat, write_chat(w, *chat).Union()};
  if (const auto* text = std::get_if<std::string>(&prompt))
    return {fb::Prompt::Text, write_text(w, *text, "prompt").Union()};
  return {fb::Prompt::Tokens, write_tokens(w, std::get<std::vector<TokenId>>(prompt)).Union()};
}

At<fb::Sampling> write_sampling(Writer& w, const SamplingParams& s) {
  At<flatbuffers::Vector<const fb::LogitBias*>> biases;
  if (!s.logit_bias.empty()) {
    std::vector<fb::LogitBias> rows;
    rows.reserve(s.logit_bias.size());
    for (const auto& [token, bias] : s.logit_bias) rows.emplace_back(token, bias);
    biases = w.fbb().CreateVectorOfStructs(rows);
  }
  flatbuffers::Optional<std::uint64_t> seed;
  if (s.seed) seed = *s.seed;
  return fb::CreateSampling(w.fbb(), s.temperature, s.top_p, s.min_p, s.top_k, s.presence_penalty, s.frequency_penalty,
                            s.repeat_penalty, seed, biases, s.ignore_eos);
}

At<fb::Resume> write_resume(Writer& w, const messages::Resume& resume) {
  const auto tokens = w.tokens(resume.tokens);
  return fb::CreateResume(w.fbb(), tokens, resume.echoed, resume.ended, resume.completion_tokens,
                          resume.reasoning_tokens);
}

At<fb::Generate> write_work(Writer& w, const messages::Generate& g) {
  if (const auto field = out_of_range(g); !field.empty()) w.fail(field, "is out of range");
  if (!g.staged.empty()) w.fail("staged", "is not read yet: no text service takes it");
  if (!g.speaker.empty()) w.fail("speaker", "speaks elsewhere: no text service takes it");
  const auto model = w.text(g.model, "model");
  const PromptAt prompt = write_prompt(w, g.prompt);
  const auto sampling = write_sampling(w, g.sampling);
  const auto stop = w.texts(g.stop, "stop");
  const auto resume = w.rows<fb::Resume>(g.resume, [&](const messages::Resume& one) { return write_resume(w, one); });
  flatbuffers::Optional<std::uint32_t> max_tokens;
  if (g.max_tokens) max_tokens = *g.max_tokens;
  return fb::CreateGenerate(w.fbb(), model, prompt.type, prompt.at, sampling, g.choices, max_tokens, stop, g.logprobs,
                            g.top_logprobs, g.echo, g.credit_events, g.now_unix_seconds, resume, g.credit_spent);
}

At<fb::ReadImage> write_work(Writer& w, const messages::ReadImage& r) {
  if (r.image.empty()) w.fail("image", "is empty");
  if (r.image.size() > kMaxBodyBytes) w.fail("image", "is larger than a message may be");
  const auto model = w.text(r.model, "model");
  return fb::CreateReadImage(w.fbb(), model, to_fb(r.mode));
}

At<fb::Embed> write_work(Writer& w, const messages::Embed& e) {
  const auto model = w.text(e.model, "model");
  const auto inputs = w.rows<fb::EmbedInput>(e.inputs, [&](const auto& input) {
    if (const auto* text = std::get_if<std::string>(&input)) {
      const auto at = write_text(w, *text, "inputs").Union();
      return fb::CreateEmbedInput(w.fbb(), fb::Input::Text, at);
    }
    const auto at = write_tokens(w, std::get<std::vector<TokenId>>(input)).Union();
    return fb::CreateEmbedInput(w.fbb(), fb::Input::Tokens, at);
  });
  return fb::CreateEmbed(w.fbb(), model, inputs);
}

At<fb::Tokenize> write_work(Writer& w, const messages::Tokenize& t) {
  const auto model = w.text(t.model, "model");
  const auto content = w.text(t.content, "content");
  return fb::CreateTokenize(w.fbb(), model, content, t.add_special, t.parse_special);
}

At<fb::Detokenize> write_work(Writer& w, const messages::Detokenize& d) {
  const auto model = w.text(d.model, "model");
  const auto tokens = w.tokens(d.tokens);
  return fb::CreateDetokenize(w.fbb(), model, tokens);
}

At<fb::ApplyTemplate> write_work(Writer& w, const messages::ApplyTemplate& a) {
  const auto model = w.text(a.model, "model");
  const auto chat = write_chat(w, a.chat);
  return fb::CreateApplyTemplate(w.fbb(), model, chat, a.add_generation_prompt);
}

At<fb::Speak> write_work(Writer& w, const messages::Speak& s) {
  if (const auto field = out_of_range(s); !field.empty()) w.fail(field, "is out of range");
  const auto model = w.text(s.model, "model");
  const auto input = w.text(s.input, "input");
  const auto voice = w.text(s.voice, "voice");
  return fb::CreateSpeak(w.fbb(), model, input, voice, s.speed, s.credit_events, to_fb(s.format));
}

At<fb::Transcribe> write_work(Writer& w, const messages::Transcribe& t) {
  if (const auto field = out_of_range(t); !field.empty()) w.fail(field, "is out of range");
  const auto model = w.text(t.model, "model");
  const auto language = w.text(t.language, "language");
  const auto prompt = w.text(t.prompt, "prompt");
  return fb::CreateTranscribe(w.fbb(), model, language, prompt, t.temperature);
}

template <class T>
Expected<wire::Message> write_request(fb::Work type, const T& request, Instant now) {
  Writer w{BadText::refuse};
  const auto work = write_work(w, request).Union();
  auto body = w.finish_checked(fb::CreateRequest(w.fbb(), type, work));
  if (!body) return tl::make_unexpected(body.error());
  return wire::Message{write_request_header(request.header, now), *std::move(body), {}};
}

}  // namespace

Expected<wire::Message> to_wire(const messages::Generate& request, Instant now) {
  return write_request(fb::Work::Generate, request, now);
}
Expected<wire::Message> to_wire(const messages::Embed& request, Instant now) {
  return write_request(fb::Work::Embed, request, now);
}
Expected<wire::Message> to_wire(const messages::Tokenize& request, Instant now) {
  return write_request(fb::Work::Tokenize, request, now);
}
Expected<wire::Message> to_wire(const messages::Detokenize& request, Instant now) {
  return write_request(fb::Work::Detokenize, request, now);
}
Expected<wire::Message> to_wire(const messages::ApplyTemplate& request, Instant now) {
  return write_request(fb::Work::ApplyTemplate, request, now);
}
Expected<wire::Message> to_wire(const messages::Speak& request, Instant now) {
  return write_request(fb::Work::Speak, request, now);
}
Expected<wire::Message> to_wire(const messages::Transcribe& request, Instant now) {
  return write_request(fb::Work::Transcribe, request, now).map([&](wire::Message message) {
    message.tensors.push_back({DType::u8, 1, {static_cast<std::uint32_t>(request.audio.size())}, request.audio});
    return message;
  });
}
Expected<wire::Message> to_wire(const messages::ReadImage& request, Instant now) {
  auto out = write_request(fb::Work::ReadImage, request, now);
  if (!out) return out;
  const auto bytes = static_cast<std::uint32_t>(request.image.size());
  out->tensors.push_back(Tensor{DType::u8, 1, {bytes}, request.image});
  return out;
}
Expected<wire::Message> to_wire(const messages::Watch& request, Instant now) {
  return write_request(fb::Work::Watch, request, now);
}
Expected<wire::Message> to_wire(const messages::ReadWindow& request, Instant now) {
  return write_request(fb::Work::ReadWindow, request, now);
}
Expected<wire::Message> to_wire(const messages::SetSensor& request, Instant now) {
  return write_request(fb::Work::SetSensor, request, now);
}

}  // namespace zenith::links
