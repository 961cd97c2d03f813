// From a request to tokens: templates and tokenising, on a worker thread. Pure functions of the model's tokenizer and
// template.
#pragma once

#include <cstdint>
#include <optional>

#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"
#include "zenith/models/engine/model.hpp"
#include "zenith/services/text/step.hpp"
#include "zenith/services/text/text_runner.hpp"

namespace zenith::services {

/// The tags of the model's template, when it knows any: "<think>" and "</think>".
std::optional<ReasoningTags> reasoning_tags(const models::LoadedModel& loaded);

/// @returns unsupported (param "messages") when a chat meets a model without a template; invalid_argument naming
/// prompt, messages, logit_bias or resume for ids out of range and for what the template refuses.
Expected<Prepared> prepare(const models::LoadedModel& loaded, const messages::Generate& request,
                           std::int64_t now_unix_seconds);

Expected<messages::Tokens> tokenize(const models::LoadedModel& loaded, const messages::Tokenize& request);
Expected<messages::Text> detokenize(const models::LoadedModel& loaded, const messages::Detokenize& request);
Expected<messages::Text> apply_template(const models::LoadedModel& loaded, const messages::ApplyTemplate& request,
                                        std::int64_t now_unix_seconds);

/// The tokens of each input, special ones added. @returns invalid_argument or context_overflow naming input[i] and the
/// numbers.
Expected<std::vector<std::vector<TokenId>>> prepare_embed(const models::LoadedModel& loaded,
                                                          const messages::Embed& request, std::size_t context);

}  // namespace zenith::services
