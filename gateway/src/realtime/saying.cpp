// The server's events.
#include <fmt/format.h>

#include "realtime/conversation.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::gateway::realtime {

std::string Conversation::next_id(std::string_view kind) {
  return fmt::format("{}_{}{:06x}", kind, setup_.unique, ++ids_);
}

void Conversation::say(std::string_view type, const Fields& fields, bool audio, TaskId credit) {
  JsonWriter w;
  w.begin_object().key("type").string(type).key("event_id").string(next_id("event"));
  fields(w);
  w.end_object();
  effects_.emplace_back(Say{w.take(), audio, credit});
}

void Conversation::say_error(const Problem& problem, const std::string& client_event_id) {
  say("error", [&](JsonWriter& w) {
    w.key("error").begin_object().key("type").string(problem.type).key("code").string(problem.code);
    w.key("message").string(utf8_lossy(problem.message)).key("param");
    if (problem.param.empty()) {
      w.null();
    } else {
      w.string(utf8_lossy(problem.param));
    }
    w.key("event_id");
    if (client_event_id.empty()) {
      w.null();
    } else {
      w.string(client_event_id);
    }
    w.end_object();
  });
}

void Conversation::say_item(std::string_view type, const Item& item, const std::string* previous) {
  say(type, [&](JsonWriter& w) {
    if (previous != nullptr) {
      w.key("previous_item_id");
      if (previous->empty()) {
        w.null();
      } else {
        w.string(*previous);
      }
    }
    w.key("item");
    write_item(w, item);
  });
}

void Conversation::say_response(std::string_view type, std::string_view status, std::string_view reason,
                                const Error* error) {
  const Response& r = *response_;
  say(type, [&](JsonWriter& w) {
    w.key("response").begin_object().key("object").string("realtime.response").key("id").string(r.id);
    w.key("status").string(status).key("status_details");
    if (error != nullptr) {
      const auto problem = problem_of(*error);
      w.begin_object().key("type").string(status).key("error").begin_object();
      w.key("type").string(problem.type).key("code").string(problem.code);
      w.key("message").string(utf8_lossy(problem.message)).end_object().end_object();
    } else if (!reason.empty()) {
      w.begin_object().key("type").string(status).key("reason").string(reason).end_object();
    } else {
      w.null();
    }
    w.key("output").begin_array();
    if (r.item_added && status != "in_progress") write_item(w, r.item);
    w.end_array().key("conversation_id");
    if (r.in_conversation) {
      w.string("conv_" + setup_.unique);
    } else {
      w.null();
    }
    w.key("output_modalities").begin_array().string(r.output.audio ? "audio" : "text").end_array();
    write_max_tokens(w, r.output);
    w.key("audio").begin_object().key("output").begin_object().key("format");
    write_format(w, r.output.encoding);
    w.key("voice").string(r.output.voice).end_object().end_object();
    w.key("metadata");
    if (r.metadata.empty()) {
      w.null();
    } else {
      w.value(Value{r.metadata});
    }
    w.key("usage");
    if (status == "in_progress") {
      w.null();
    } else {
      const auto& u = r.usage;
      w.begin_object().key("total_tokens").integer(std::int64_t{u.prompt_tokens} + u.completion_tokens);
      w.key("input_tokens").integer(u.prompt_tokens).key("output_tokens").integer(u.completion_tokens);
      w.key("input_token_details").begin_object().key("text_tokens").integer(u.prompt_tokens);
      w.key("audio_tokens").integer(0).key("cached_tokens").integer(u.cached_tokens).end_object();
      w.key("output_token_details").begin_object().key("text_tokens").integer(u.completion_tokens);
      w.key("audio_tokens").integer(0).end_object().end_object();
    }
    w.end_object();
  });
}

void Conversation::place(JsonWriter& w) const {
  w.key("response_id").string(response_->id).key("item_id").string(response_->item.id);
  w.key("output_index").integer(0).key("content_index").integer(0);
}

void Conversation::write_part(JsonWriter& w) const {
  const bool audio = response_->output.audio;
  w.key("part").begin_object().key("type").string(audio ? "audio" : "text");
  w.key(audio ? "transcript" : "text").string(response_->item.parts.front().text).end_object();
}

}  // namespace zenith::gateway::realtime
