#include "values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace zenith::links {
namespace {

constexpr std::string_view kField = "template_kwargs";

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

bool keys_repeat(const Value::Object& object) {
  std::vector<std::string_view> keys;
  keys.reserve(object.size());
  for (const auto& [key, value] : object) keys.emplace_back(key);
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

// ---- writing

using FbItems = At<flatbuffers::Vector<At<fb::Value>>>;

At<fb::Value> write_value(Writer& w, const Value& value, std::string_view key, int depth);

FbItems write_items(Writer& w, const Value::Array& array, int depth) {
  return w.rows<fb::Value>(array, [&](const Value& item) { return write_value(w, item, {}, depth + 1); });
}

FbItems write_items(Writer& w, const Value::Object& object, int depth) {
  if (keys_repeat(object)) w.fail(kField, "a key occurs twice");
  return w.rows<fb::Value>(object,
                           [&](const auto& entry) { return write_value(w, entry.second, entry.first, depth + 1); });
}

template <class Add>
At<fb::Value> put_value(Writer& w, fb::ValueKind kind, At<flatbuffers::String> key, Add add) {
  fb::ValueBuilder builder{w.fbb()};
  add(builder);
  builder.add_key(key);
  builder.add_kind(kind);
  return builder.Finish();
}

// The scalar comes before the offsets: larger fields first, as flatc's own Create… does.
At<fb::Value> write_value(Writer& w, const Value& value, std::string_view key, int depth) {
  if (depth > kMaxValueDepth) {
    w.fail(kField, fmt::format("nests deeper than {}", kMaxValueDepth));
    return fb::CreateValue(w.fbb());  // never sent: a vector has no place for nothing
  }
  const auto key_at = w.text(key, kField);
  using K = fb::ValueKind;
  return std::visit(
      Overloaded{
          [&](std::nullptr_t) { return put_value(w, K::none, key_at, [](auto&) {}); },
          [&](bool v) { return put_value(w, K::boolean, key_at, [&](auto& b) { b.add_integer(v ? 1 : 0); }); },
          [&](std::int64_t v) { return put_value(w, K::integer, key_at, [&](auto& b) { b.add_integer(v); }); },
          [&](double v) { return put_value(w, K::number, key_at, [&](auto& b) { b.add_number(v); }); },
          [&](const std::string& v) {
            const auto at = w.text(v, kField);
            return put_value(w, K::text, key_at, [&](auto& b) { b.add_text(at); });
          },
          [&](const Value::Array& v) {
            const auto at = write_items(w, v, depth);
            return put_value(w, K::array, key_at, [&](auto& b) { b.add_items(at); });
          },
          [&](const Value::Object& v) {
            const auto at = write_items(w, v, depth);
            return put_value(w, K::object, key_at, [&](auto& b) { b.add_items(at); });
          },
      },
      value.data);
}

// ---- reading

Value read_value(Reader& r, const fb::Value& from, int depth);

Value::Array read_array(Reader& r, const fb::Value& from, int depth) {
  const auto n = r.count(from.items(), 2 * sizeof(flatbuffers::uoffset_t), kField);
  Value::Array out;
  out.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i)
    out.push_back(read_value(r, *from.items()->Get(i), depth + 1));
  return out;
}

Value::Object read_object(Reader& r, const fb::Value& from, int depth) {
  const auto n = r.count(from.items(), 2 * sizeof(flatbuffers::uoffset_t), kField);
  Value::Object out;
  out.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i) {
    const fb::Value& item = *from.items()->Get(i);
    auto key = r.text(item.key(), kField);
    out.emplace_back(std::move(key), read_value(r, item, depth + 1));
  }
  if (keys_repeat(out)) r.fail(kField, "a key occurs twice");
  return out;
}

Value read_value(Reader& r, const fb::Value& from, int depth) {
  if (depth > kMaxValueDepth) {
    r.fail(kField, fmt::format("nests deeper than {}", kMaxValueDepth));
    return {};
  }
  switch (from.kind()) {
    case fb::ValueKind::none: return nullptr;
    case fb::ValueKind::boolean: return from.integer() != 0;
    case fb::ValueKind::integer: return from.integer();
    case fb::ValueKind::number: return from.number();
    case fb::ValueKind::text: return r.text(from.text(), kField);
    case fb::ValueKind::array: return read_array(r, from, depth);
    case fb::ValueKind::object: return read_object(r, from, depth);
  }
  r.fail(kField, "is no value of its enum");
  return {};
}

At<fb::ChatMessage> write_chat_message(Writer& w, const messages::ChatMessage& message) {
  const auto role = w.text(message.role, "messages.role");
  const auto parts = w.texts(message.text_parts, "messages.text_parts");
  const auto name = w.text(message.name, "messages.name");
  const auto reasoning = w.text(message.reasoning_content, "messages.reasoning_content");
  return fb::CreateChatMessage(w.fbb(), role, parts, name, reasoning);
}

messages::ChatMessage read_chat_message(Reader& r, const fb::ChatMessage& from) {
  messages::ChatMessage out;
  out.role = r.text(from.role(), "messages.role");
  out.text_parts = r.texts(from.text_parts(), "messages.text_parts");
  out.name = r.text(from.name(), "messages.name");
  out.reasoning_content = r.text(from.reasoning_content(), "messages.reasoning_content");
  return out;
}

}  // namespace

At<fb::Chat> write_chat(Writer& w, const messages::Chat& chat) {
  const auto rows = w.rows<fb::ChatMessage>(chat.messages, [&](const auto& m) { return write_chat_message(w, m); });
  At<fb::Value> kwargs;
  if (!chat.template_kwargs.empty()) kwargs = write_value(w, chat.template_kwargs, {}, 1);
  const auto effort = w.text(chat.reasoning_effort, "reasoning_effort");
  return fb::CreateChat(w.fbb(), rows, kwargs, effort);
}

messages::Chat read_chat(Reader& r, const fb::Chat& from) {
  messages::Chat out;
  const auto n = r.count(from.messages(), 2 * sizeof(flatbuffers::uoffset_t), "messages");
  out.messages.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i)
    out.messages.push_back(read_chat_message(r, *from.messages()->Get(i)));
  if (from.template_kwargs() != nullptr) {
    auto kwargs = read_value(r, *from.template_kwargs(), 1);
    if (auto* object = std::get_if<Value::Object>(&kwargs.data)) {
      out.template_kwargs = std::move(*object);
    } else {
      r.fail(kField, "is no object");
    }
  }
  out.reasoning_effort = r.text(from.reasoning_effort(), "reasoning_effort");
  return out;
}

}  // namespace zenith::links
