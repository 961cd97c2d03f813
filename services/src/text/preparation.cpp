#include "zenith/services/text/preparation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace zenith::services {
namespace {

using messages::Chat;

std::string trimmed_end(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return std::string{last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1)};
}

Expected<models::Rendered> render(const models::LoadedModel& loaded, const Chat& chat, bool generation_prompt,
                                  std::int64_t now) {
  if (!loaded.chat_template) {
    if (loaded.chat_template_error) return tl::make_unexpected(*loaded.chat_template_error);
    return fail(Errc::unsupported, "this model has no chat template: use /v1/completions, or zenith run --raw",
                "messages");
  }
  models::TemplateInput input;
  for (const auto& message : chat.messages) {
    Value::Object object{{"role", message.role}, {"content", fmt::format("{}", fmt::join(message.text_parts, "\n"))}};
    if (!message.name.empty()) object.emplace_back("name", message.name);
    if (!message.reasoning_content.empty()) object.emplace_back("reasoning_content", message.reasoning_content);
    input.messages.push_back(Value{std::move(object)});
  }
  input.add_generation_prompt = generation_prompt;
  const auto spelled = [&](TokenId id) { return id < 0 ? std::string{} : std::string{loaded.tokenizer->text(id)}; };
  input.bos_token = spelled(loaded.tokenizer->bos());
  input.eos_token = spelled(loaded.tokenizer->eos());
  input.extra = chat.template_kwargs;
  const auto given = [&](std::string_view key) {
    return std::any_of(input.extra.begin(), input.extra.end(), [&](const auto& kv) { return kv.first == key; });
  };
  if (!chat.reasoning_effort.empty() && !given("reasoning_effort")) {
    input.extra.emplace_back("reasoning_effort", chat.reasoning_effort);
    if (chat.reasoning_effort == "none" && !given("enable_thinking"))
      input.extra.emplace_back("enable_thinking", false);
  }
  input.now_unix_seconds = now;
  auto rendered = loaded.chat_template->render(input);
  if (!rendered && rendered.error().param.empty()) rendered.error().param = "messages";
  return rendered;
}

Status check_ids(const models::LoadedModel& loaded, std::span<const TokenId> ids, const char* field) {
  const auto vocab = static_cast<TokenId>(loaded.model->info().vocab);
  for (const TokenId id : ids) {
    if (id < 0 || id >= vocab) {
      return fail(Errc::invalid_argument,
                  fmt::format("{} has token id {}; the model's vocabulary is 0 … {}", field, id, vocab - 1), field);
    }
  }
  return {};
}

}  // namespace

std::optional<ReasoningTags> reasoning_tags(const models::LoadedModel& loaded) {
  if (!loaded.chat_template) return std::nullopt;
  const std::string& source = loaded.chat_template->source();
  if (source.find("<think>") == std::string::npos && source.find("</think>") == std::string::npos) return std::nullopt;
  return ReasoningTags{"<think>", "</think>"};
}

Expected<Prepared> prepare(const models::LoadedModel& loaded, const messages::Generate& request, std::int64_t now) {
  for (const auto& [id, bias] : request.sampling.logit_bias) {
    if (auto ok = check_ids(loaded, {&id, 1}, "logit_bias"); !ok) return tl::make_unexpected(std::move(ok.error()));
  }
  if (request.echo && request.logprobs) {
    return fail(Errc::unsupported, "logprobs of an echoed prompt are not served: ask for one of echo and logprobs",
                "logprobs");
  }
  for (const messages::Resume& choice : request.resume) {
    if (auto ok = check_ids(loaded, choice.tokens, "resume"); !ok) return tl::make_unexpected(std::move(ok.error()));
  }
  Prepared out;
  if (const auto* chat = std::get_if<Chat>(&request.prompt)) {
    auto rendered = render(loaded, *chat, true, now);
    if (!rendered) return tl::make_unexpected(std::move(rendered.error()));
    // The template writes BOS itself where the model wants it.
    out.tokens = loaded.tokenizer->encode(rendered->text, {.parse_special = true, .untrusted = rendered->untrusted});
    if (const auto tags = reasoning_tags(loaded)) {
      out.starts_in_reasoning = trimmed_end(rendered->text).ends_with(tags->open);
    }
  } else if (const auto* text = std::get_if<std::string>(&request.prompt)) {
    out.tokens = loaded.tokenizer->encode(*text, {.add_special = true});
    if (out.tokens.empty() && loaded.tokenizer->bos() >= 0) out.tokens.push_back(loaded.tokenizer->bos());
  } else {
    out.tokens = std::get<std::vector<TokenId>>(request.prompt);
    if (auto ok = check_ids(loaded, out.tokens, "prompt"); !ok) return tl::make_unexpected(std::move(ok.error()));
  }
  return out;
}

Expected<messages::Tokens> tokenize(const models::LoadedModel& loaded, const messages::Tokenize& request) {
  return messages::Tokens{loaded.tokenizer->encode(
      request.content, {.add_special = request.add_special, .parse_special = request.parse_special})};
}

Expected<messages::Text> detokenize(const models::LoadedModel& loaded, const messages::Detokenize& request) {
  const auto vocab = static_cast<TokenId>(loaded.tokenizer->vocab_size());
  for (const TokenId id : request.tokens) {
    if (id < 0 || id >= vocab) {
      return fail(Errc::invalid_argument, fmt::format("tokens has id {}; the vocabulary is 0 … {}", id, vocab - 1),
                  "tokens");
    }
  }
  return messages::Text{loaded.tokenizer->decode(request.tokens, true)};
}

Expected<messages::Text> apply_template(const models::LoadedModel& loaded, const messages::ApplyTemplate& request,
                                        std::int64_t now) {
  return render(loaded, request.chat, request.add_generation_prompt, now).map([](models::Rendered r) {
    return messages::Text{std::move(r.text)};
  });
}

Expected<std::vector<std::vector<TokenId>>> prepare_embed(const models::LoadedModel& loaded,
                                                          const messages::Embed& request, std::size_t context) {
  std::vector<std::vector<TokenId>> out;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const std::string field = request.inputs.size() == 1 ? "input" : fmt::format("input[{}]", i);
    std::vector<TokenId> tokens;
    if (const auto* text = std::get_if<std::string>(&request.inputs[i])) {
      tokens = loaded.tokenizer->encode(*text, {.add_special = true});
    } else {
      tokens = std::get<std::vector<TokenId>>(request.inputs[i]);
      if (auto ok = check_ids(loaded, tokens, field.c_str()); !ok) return tl::make_unexpected(std::move(ok.error()));
    }
    if (tokens.empty()) return fail(Errc::invalid_argument, fmt::format("{} is empty", field), field);
    if (tokens.size() > context) {
      return fail(Errc::context_overflow,
                  fmt::format("{} has {} tokens, the model's context is {}", field, tokens.size(), context), field);
    }
    out.push_back(std::move(tokens));
  }
  return out;
}

}  // namespace zenith::services
