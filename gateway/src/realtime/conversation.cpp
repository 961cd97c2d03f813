// The client's events.
#include "realtime/conversation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "json/parse.hpp"

namespace zenith::gateway::realtime {
namespace {

constexpr std::size_t kMostEventId = 512, kDepth = 16, kNodes = 20'000;
constexpr std::size_t kMostMetadata = 16;

Read<void> check_metadata(const Node& node) {
  const auto metadata = node.object("metadata");
  if (!metadata) return tl::make_unexpected(metadata.error());
  if (!*metadata) return {};
  const auto& members = std::get<Value::Object>(node.member("metadata")->data);
  for (const auto& [key, value] : members) {
    const auto* text = std::get_if<std::string>(&value.data);
    if (members.size() > kMostMetadata || key.size() > 64 || text == nullptr || text->size() > 512) {
      const auto path = node.path_of("metadata");
      return wrong("invalid_value", path + ": must be up to 16 strings of up to 512 bytes, with keys of up to 64",
                   path);
    }
  }
  return {};
}

std::size_t text_of(const Item& item) {
  std::size_t bytes = 0;
  for (const auto& part : item.parts) bytes += part.text.size();
  return bytes;
}

}  // namespace

Conversation::Conversation(Setup setup) : setup_(std::move(setup)), input_(setup_.activity) {
  id_ = "sess_" + setup_.unique;
}

Available Conversation::available() const { return {setup_.model, input_.hears(), setup_.snapshot()}; }

void Conversation::start() {
  if (!input_.hears()) config_.vad.reset();
  const auto models = setup_.snapshot();
  const auto speaks = std::find_if(models.models.begin(), models.models.end(), [](const auto& m) {
    return m.kind == messages::ModelKind::speech && m.alias_of.empty() && !m.voices.empty();
  });
  config_.output.audio = speaks != models.models.end();
  if (config_.output.audio) config_.output.voice = speaks->voices.front();
  say("session.created", [&](JsonWriter& w) {
    w.key("session");
    write_session(w, id_, setup_.model, config_);
  });
}

const std::unordered_map<std::string_view, Conversation::Handler>& Conversation::handlers() {
  static const std::unordered_map<std::string_view, Handler> kHandlers{
      {"session.update", &Conversation::session_update},
      {"input_audio_buffer.append", &Conversation::audio_append},
      {"input_audio_buffer.commit", &Conversation::audio_commit},
      {"input_audio_buffer.clear", &Conversation::audio_clear},
      {"conversation.item.create", &Conversation::item_create},
      {"conversation.item.retrieve", &Conversation::item_retrieve},
      {"conversation.item.delete", &Conversation::item_delete},
      {"conversation.item.truncate", &Conversation::item_truncate},
      {"response.create", &Conversation::response_create},
      {"response.cancel", &Conversation::response_cancel},
  };
  return kHandlers;
}

void Conversation::on_binary() {
  say_error({"invalid_request_error", "invalid_message", "an event is a JSON object in a text message, not binary", {}},
            {});
}

void Conversation::on_message(std::string_view json) {
  const auto value = parse_json(json, {.depth = kDepth, .nodes = kNodes});
  if (!value) return say_error({"invalid_request_error", "invalid_json", value.error().message, {}}, {});
  const auto event = Node::of(*value, {});
  if (!event) return say_error({"invalid_request_error", "invalid_json", "an event must be a JSON object", {}}, {});
  const auto event_id = event->text("event_id", kMostEventId);
  if (!event_id) return say_error(event_id.error(), {});
  const auto type = event->needed_text("type", 256);
  if (!type) return say_error(type.error(), event_id->value_or(""));
  const auto handler = handlers().find(*type);
  if (handler == handlers().end()) {
    const bool other = *type == "output_audio_buffer.clear";
    return say_error({"invalid_request_error", "invalid_value",
                      other ? "type: output_audio_buffer.clear is for WebRTC and SIP; over a WebSocket send "
                              "response.cancel and conversation.item.truncate"
                            : fmt::format("type: \"{}\" is no event that is known here", type->substr(0, 100)),
                      "type"},
                     event_id->value_or(""));
  }
  if (auto ok = (this->*handler->second)(*event); !ok) say_error(ok.error(), event_id->value_or(""));
}

Read<void> Conversation::session_update(const Node& event) {
  if (auto ok = event.only({"type", "event_id", "session"}); !ok) return ok;
  const auto session = event.object("session");
  if (!session) return tl::make_unexpected(session.error());
  if (!*session) return missing("session");
  if (auto ok = update(config_, **session, available()); !ok) return ok;
  if (!config_.vad || !config_.vad->idle_ms) idle_at_.reset();
  say("session.updated", [&](JsonWriter& w) {
    w.key("session");
    write_session(w, id_, setup_.model, config_);
  });
  return {};
}

Read<void> Conversation::item_create(const Node& event) {
  if (auto ok = event.only({"type", "event_id", "item", "previous_item_id"}); !ok) return ok;
  const auto node = event.object("item");
  if (!node) return tl::make_unexpected(node.error());
  if (!*node) return missing("item");
  const auto previous = event.text("previous_item_id", kMostId);
  if (!previous) return tl::make_unexpected(previous.error());
  std::size_t at = items_.size();
  if (*previous && **previous == "root") at = 0;
  if (*previous && **previous != "root") {
    const auto found = find_item(**previous);
    if (found == items_.end()) {
      return wrong("item_not_found", fmt::format("previous_item_id: there is no item \"{}\"", **previous),
                   "previous_item_id");
    }
    at = static_cast<std::size_t>(found - items_.begin()) + 1;
  }
  std::vector<std::string> audio;
  auto item = read_item(**node, config_.input, audio);
  if (!item) return tl::make_unexpected(item.error());
  if (audio.size() > 1) return not_served("item.content", "one input_audio part an item is taken");
  if (!item->id.empty() && find_item(item->id) != items_.end())
    return wrong("item_already_exists", fmt::format("item.id: \"{}\" is in the conversation", item->id), "item.id");
  if (!audio.empty() && transcriptions_.size() >= kMostTranscriptions)
    return wrong("overloaded", fmt::format("{} transcriptions are open, the limit", transcriptions_.size()), "item");
  if (item->id.empty()) item->id = next_id("item");
  const Item copy = *item;
  const std::size_t before = items_.size();
  make_room(text_of(*item));
  at -= std::min(at, before - items_.size());
  add_item(std::move(*item), at);
  if (!audio.empty()) {
    std::vector<std::int16_t> decoded, samples;
    decode(config_.input, audio.front(), decoded);
    Resampler resampler{rate_of(config_.input), InputAudio::kRate};
    resampler.push(decoded, samples);
    resampler.finish(samples);
    transcribe(copy, std::move(samples));
  }
  return {};
}

Read<void> Conversation::item_retrieve(const Node& event) {
  if (auto ok = event.only({"type", "event_id", "item_id"}); !ok) return ok;
  const auto id = event.needed_text("item_id", kMostId);
  if (!id) return tl::make_unexpected(id.error());
  const auto item = find_item(*id);
  if (item == items_.end())
    return wrong("item_not_found", fmt::format("item_id: there is no item \"{}\"", *id), "item_id");
  say_item("conversation.item.retrieved", *item, nullptr);
  return {};
}

Read<void> Conversation::item_delete(const Node& event) {
  if (auto ok = event.only({"type", "event_id", "item_id"}); !ok) return ok;
  const auto id = event.needed_text("item_id", kMostId);
  if (!id) return tl::make_unexpected(id.error());
  const auto item = find_item(*id);
  if (item == items_.end())
    return wrong("item_not_found", fmt::format("item_id: there is no item \"{}\"", *id), "item_id");
  if (item->status == ItemStatus::in_progress)
    return wrong("item_in_progress", "item_id: the item is being made: send response.cancel first", "item_id");
  items_.erase(item);
  forget_transcriptions_of(*id);
  say("conversation.item.deleted", [&](JsonWriter& w) { w.key("item_id").string(*id); });
  think_when_ready();
  return {};
}

Read<void> Conversation::item_truncate(const Node& event) {
  if (auto ok = event.only({"type", "event_id", "item_id", "content_index", "audio_end_ms"}); !ok) return ok;
  const auto id = event.needed_text("item_id", kMostId);
  if (!id) return tl::make_unexpected(id.error());
  const auto index = event.integer("content_index", 0, 0);
  if (!index) return tl::make_unexpected(index.error());
  const auto end = event.integer("audio_end_ms", 0, std::int64_t{1} << 40);
  if (!end) return tl::make_unexpected(end.error());
  if (!*end) return missing("audio_end_ms");
  const auto item = find_item(*id);
  if (item == items_.end())
    return wrong("item_not_found", fmt::format("item_id: there is no item \"{}\"", *id), "item_id");
  if (item->status == ItemStatus::in_progress)
    return wrong("item_in_progress", "item_id: the item is being made: send response.cancel first", "item_id");
  if (item->role != "assistant" || item->parts.front().kind != PartKind::output_audio)
    return wrong("invalid_value", "item_id: only an assistant's audio can be truncated", "item_id");
  if (auto ok = truncate(*item, static_cast<std::uint64_t>(**end)); !ok) return ok;
  say("conversation.item.truncated", [&](JsonWriter& w) {
    w.key("item_id").string(*id).key("content_index").integer(0).key("audio_end_ms").integer(**end);
  });
  return {};
}

Read<std::vector<Item>> Conversation::read_input(const Value::Array& list) {
  std::vector<Item> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto path = fmt::format("response.input[{}]", i);
    const auto node = Node::of(list[i], path);
    if (!node) return tl::make_unexpected(node.error());
    const auto type = node->needed_text("type", 64);
    if (!type) return tl::make_unexpected(type.error());
    if (*type == "item_reference") {
      const auto id = node->needed_text("id", kMostId);
      if (!id) return tl::make_unexpected(id.error());
      const auto item = find_item(*id);
      if (item == items_.end())
        return wrong("item_not_found", fmt::format("{}: there is no item \"{}\"", path, *id), path + ".id");
      out.push_back(*item);
      continue;
    }
    std::vector<std::string> audio;
    auto item = read_item(*node, config_.input, audio);
    if (!item) return tl::make_unexpected(item.error());
    if (!audio.empty()) {
      return not_served(path,
                        "audio is taken from the conversation only: create the item first, then refer to it by "
                        "item_reference");
    }
    out.push_back(std::move(*item));
  }
  return out;
}

Read<void> Conversation::response_create(const Node& event) {
  if (auto ok = event.only({"type", "event_id", "response"}); !ok) return ok;
  Response r;
  r.output = config_.output;
  const auto node = event.object("response");
  if (!node) return tl::make_unexpected(node.error());
  if (*node) {
    const Node& n = **node;
    if (auto ok = n.only({"conversation", "input", "instructions", "output_modalities", "max_output_tokens", "metadata",
                          "audio", "tools", "tool_choice"},
                         {"prompt", "reasoning", "parallel_tool_calls"});
        !ok) {
      return ok;
    }
    if (auto ok = read_output(r.output, n, available()); !ok) return ok;
    const auto conversation = n.choice("conversation", {"auto", "none"});
    if (!conversation) return tl::make_unexpected(conversation.error());
    r.in_conversation = conversation->value_or(0) == 0;
    if (auto ok = check_metadata(n); !ok) return ok;
    if (n.has("metadata")) r.metadata = std::get<Value::Object>(n.member("metadata")->data);
    const auto list = n.list("input", kMostItems);
    if (!list) return tl::make_unexpected(list.error());
    if (*list != nullptr) {
      auto input = read_input(**list);
      if (!input) return tl::make_unexpected(input.error());
      r.input = std::move(*input);
    }
  }
  return begin_response(std::move(r));
}

Read<void> Conversation::response_cancel(const Node& event) {
  if (auto ok = event.only({"type", "event_id", "response_id"}); !ok) return ok;
  const auto id = event.text("response_id", kMostId);
  if (!id) return tl::make_unexpected(id.error());
  if (!response_ || (*id && **id != response_->id))
    return wrong("response_cancel_not_active", "there is no such response to cancel", "response_id");
  end_response("cancelled", "client_cancelled", nullptr);
  return {};
}

std::vector<Item>::iterator Conversation::find_item(const std::string& id) {
  return std::find_if(items_.begin(), items_.end(), [&](const Item& item) { return item.id == id; });
}

void Conversation::make_room(std::size_t text_bytes) {
  for (const auto& item : items_) text_bytes += text_of(item);
  while (items_.size() >= kMostItems || text_bytes > kMostConversation) {
    const auto oldest = std::find_if(items_.begin(), items_.end(),
                                     [](const Item& item) { return item.status != ItemStatus::in_progress; });
    if (oldest == items_.end()) return;
    text_bytes -= text_of(*oldest);
    const std::string id = oldest->id;
    items_.erase(oldest);
    forget_transcriptions_of(id);
    say("conversation.item.deleted", [&](JsonWriter& w) { w.key("item_id").string(id); });
  }
}

void Conversation::add_item(Item item, std::size_t at, bool done) {
  make_room(text_of(item));
  at = std::min(at, items_.size());
  const std::string previous = at == 0 ? std::string{} : items_[at - 1].id;
  const auto it = items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(at), std::move(item));
  say_item("conversation.item.added", *it, &previous);
  if (done) say_item("conversation.item.done", *it, &previous);
}

void Conversation::forget_transcriptions_of(const std::string& item_id) {
  for (auto it = transcriptions_.begin(); it != transcriptions_.end();) {
    if (it->second.item_id != item_id) {
      ++it;
      continue;
    }
    effects_.emplace_back(Cancel{it->first});
    it = transcriptions_.erase(it);
  }
}

}  // namespace zenith::gateway::realtime
