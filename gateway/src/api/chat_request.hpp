// The body of /v1/chat/completions to a typed request.
#pragma once

#include <span>
#include <string>

#include "api/fields.hpp"

namespace zenith::gateway {

std::span<const Field> chat_fields();

/// @returns a draft whose generate.prompt is the chat, or an error whose param names the field.
Expected<Draft> read_chat_request(const Value& body, const std::string& default_model,
                                  Streams streams = Streams::as_asked);

/// The list of messages, as /apply-template takes it too. @param images gets the pictures of user messages, whose
/// places empty texts keep; null: pictures are refused. @returns invalid_argument or unsupported naming
/// messages[i].field.
Expected<std::vector<messages::ChatMessage>> read_messages(const Value& list, std::vector<ChatImage>* images);

}  // namespace zenith::gateway
