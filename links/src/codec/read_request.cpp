#include "request_header.hpp"
#include "request_limits.hpp"
#include "sensor.hpp"
#include "values.hpp"

namespace zenith::links {
namespace {

messages::Prompt read_prompt(Reader& r, const fb::Generate& from) {
  if (const auto* chat = from.prompt_as_Chat()) return read_chat(r, *chat);
  if (const auto* text = from.prompt_as_Text()) return r.text(text->text(), "prompt");
  if (const auto* tokens = from.prompt_as_Tokens()) return r.tokens(tokens->tokens(), "prompt");
  r.fail("prompt", "is none of chat, text and tokens");
  return {};
}

SamplingParams read_sampling(Reader& r, const fb::Sampling* from) {
  SamplingParams s;
  if (from == nullptr) return s;
  s.temperature = from->temperature();
  s.top_p = from->top_p();
  s.min_p = from->min_p();
  s.top_k = from->top_k();
  s.presence_penalty = from->presence_penalty();
  s.frequency_penalty = from->frequency_penalty();
  s.repeat_penalty = from->repeat_penalty();
  if (const auto seed = from->seed()) s.seed = *seed;
  const auto n = r.count(from->logit_bias(), sizeof(fb::LogitBias), "sampling.logit_bias");
  s.logit_bias.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n; ++i) {
    const fb::LogitBias& bias = *from->logit_bias()->Get(i);
    s.logit_bias.emplace_back(bias.token(), bias.bias());
  }
  s.ignore_eos = from->ignore_eos();
  return s;
}

messages::Resume read_resume(Reader& r, const fb::Resume& from) {
  return {r.tokens(from.tokens(), "resume.tokens"), from.echoed(), from.ended(), from.completion_tokens(),
          from.reasoning_tokens()};
}

messages::Generate read_work(Reader& r, const fb::Generate& from) {
  messages::Generate g;
  g.model = r.text(from.model(), "model");
  g.prompt = read_prompt(r, from);
  g.sampling = read_sampling(r, from.sampling());
  g.choices = from.choices();
  if (const auto max_tokens = from.max_tokens()) g.max_tokens = *max_tokens;
  g.stop = r.texts(from.stop(), "stop");
  g.logprobs = from.logprobs();
  g.top_logprobs = from.top_logprobs();
  g.echo = from.echo();
  g.credit_events = from.credit_events();
  g.now_unix_seconds = from.now_unix_seconds();
  g.credit_spent = from.credit_spent();
  const auto n = r.count(from.resume(), 2 * sizeof(flatbuffers::uoffset_t), "resume");
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i) g.resume.push_back(read_resume(r, *from.resume()->Get(i)));
  if (n != 0 && n != g.choices) r.fail("resume", "is not one for each choice");
  if (const auto field = out_of_range(g); !field.empty()) r.fail(field, "is out of range");
  return g;
}

messages::Embed read_work(Reader& r, const fb::Embed& from) {
  messages::Embed e;
  e.model = r.text(from.model(), "model");
  const auto n = r.count(from.inputs(), 2 * sizeof(flatbuffers::uoffset_t), "inputs");
  e.inputs.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i) {
    const fb::EmbedInput& input = *from.inputs()->Get(i);
    if (const auto* text = input.input_as_Text()) {
      e.inputs.emplace_back(r.text(text->text(), "inputs"));
    } else if (const auto* tokens = input.input_as_Tokens()) {
      e.inputs.emplace_back(r.tokens(tokens->tokens(), "inputs"));
    } else {
      r.fail("inputs", "holds neither text nor tokens");
    }
  }
  return e;
}

messages::Tokenize read_work(Reader& r, const fb::Tokenize& from) {
  messages::Tokenize t;
  t.model = r.text(from.model(), "model");
  t.content = r.text(from.content(), "content");
  t.add_special = from.add_special();
  t.parse_special = from.parse_special();
  return t;
}

messages::Detokenize read_work(Reader& r, const fb::Detokenize& from) {
  messages::Detokenize d;
  d.model = r.text(from.model(), "model");
  d.tokens = r.tokens(from.tokens(), "tokens");
  return d;
}

messages::ApplyTemplate read_work(Reader& r, const fb::ApplyTemplate& from) {
  messages::ApplyTemplate a;
  a.model = r.text(from.model(), "model");
  if (from.chat() != nullptr) {
    a.chat = read_chat(r, *from.chat());
  } else {
    r.fail("chat", "is missing");
  }
  a.add_generation_prompt = from.add_generation_prompt();
  return a;
}

messages::Speak read_work(Reader& r, const fb::Speak& from) {
  messages::Speak s;
  s.model = r.text(from.model(), "model");
  s.input = r.text(from.input(), "input");
  s.voice = r.text(from.voice(), "voice");
  s.speed = from.speed();
  s.credit_events = from.credit_events();
  s.format = r.one_of<messages::AudioFormat>(from.format(), "format");
  if (const auto field = out_of_range(s); !field.empty()) r.fail(field, "is out of range");
  return s;
}

messages::Transcribe read_work(Reader& r, const fb::Transcribe& from, const std::vector<Tensor>& tensors) {
  messages::Transcribe t;
  t.model = r.text(from.model(), "model");
  t.language = r.text(from.language(), "language");
  t.prompt = r.text(from.prompt(), "prompt");
  t.temperature = from.temperature();
  if (tensors.size() != 1 || tensors.front().dtype != DType::u8 || tensors.front().rank != 1) {
    r.fail("audio", "is no u8 tensor of rank 1");
    return t;
  }
  t.audio = tensors.front().data;
  if (const auto field = out_of_range(t); !field.empty()) r.fail(field, "is out of range");
  return t;
}

messages::ReadImage read_work(Reader& r, const fb::ReadImage& from, const std::vector<Tensor>& tensors) {
  messages::ReadImage out;
  out.model = r.text(from.model(), "model");
  out.mode = r.one_of<messages::ReadMode>(from.mode(), "mode");
  const bool one_row = tensors.size() == 1 && tensors.front().dtype == DType::u8 && tensors.front().rank == 1;
  if (!one_row || tensors.front().data.empty() || tensors.front().data.size() > kMaxBodyBytes) {
    r.fail("image", "is no u8 tensor of rank 1 that is neither empty nor too large");
    return out;
  }
  out.image = tensors.front().data;
  return out;
}

Request read_request(Reader& r, const fb::Request& from, const std::vector<Tensor>& tensors) {
  if (const auto* work = from.work_as_Generate()) return read_work(r, *work);
  if (const auto* work = from.work_as_Embed()) return read_work(r, *work);
  if (const auto* work = from.work_as_Tokenize()) return read_work(r, *work);
  if (const auto* work = from.work_as_Detokenize()) return read_work(r, *work);
  if (const auto* work = from.work_as_ApplyTemplate()) return read_work(r, *work);
  if (const auto* work = from.work_as_Speak()) return read_work(r, *work);
  if (const auto* work = from.work_as_Transcribe()) return read_work(r, *work, tensors);
  if (const auto* work = from.work_as_ReadImage()) return read_work(r, *work, tensors);
  if (const auto* work = from.work_as_Watch()) return read_work(r, *work);
  if (const auto* work = from.work_as_ReadWindow()) return read_work(r, *work);
  if (const auto* work = from.work_as_SetSensor()) return read_work(r, *work);
  r.fail("work", "is none that is known");
  return {};
}

}  // namespace

Expected<Request> request_from_wire(const wire::Message& message, Instant now) {
  if (auto kind = check_kind(message, wire::Kind::request); !kind) return tl::make_unexpected(kind.error());
  auto header = read_request_header(message.header, now);
  if (!header) return tl::make_unexpected(header.error());
  auto request = read_body<fb::Request>(
      message.body, "request", [&](const auto& root, Reader& r) { return read_request(r, root, message.tensors); });
  if (request) std::visit([&](auto& work) { work.header = *header; }, *request);
  return request;
}

}  // namespace zenith::links
