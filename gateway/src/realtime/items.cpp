#include "realtime/items.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "realtime/input_audio.hpp"

namespace zenith::gateway::realtime {
namespace {

constexpr std::array<std::string_view, 4> kTypes{"input_text", "input_audio", "output_text", "output_audio"};

bool allowed(const std::string& role, PartKind kind) {
  const bool input = kind == PartKind::input_text || kind == PartKind::input_audio;
  if (role == "user") return input;
  if (role == "system") return kind == PartKind::input_text;
  return !input;
}

Read<Part> read_part(const Node& node, const std::string& role, Encoding encoding, std::vector<std::string>& audio) {
  const auto name = node.needed_text("type", 64);
  if (!name) return tl::make_unexpected(name.error());
  const auto at = std::find(kTypes.begin(), kTypes.end(), *name);
  if (*name == "input_image") return not_served(node.path_of("type"), "images are not taken here yet");
  Part part;
  part.kind = static_cast<PartKind>(at - kTypes.begin());
  if (at == kTypes.end() || !allowed(role, part.kind)) {
    return wrong(
        "invalid_value",
        fmt::format("{}: \"{}\" cannot be in a message of role {}", node.path_of("type"), name->substr(0, 40), role),
        node.path_of("type"));
  }
  const bool spoken = part.kind == PartKind::output_audio;
  if (part.kind != PartKind::input_audio) {
    if (auto ok = node.only({"type", spoken ? "transcript" : "text"}, {"audio"}); !ok)
      return tl::make_unexpected(ok.error());
    auto text = node.needed_text(spoken ? "transcript" : "text", kMostText);
    if (!text) return tl::make_unexpected(text.error());
    part.text = std::move(*text);
    return part;
  }
  if (auto ok = node.only({"type", "audio"}, {"transcript"}); !ok) return tl::make_unexpected(ok.error());
  const auto* coded = node.has("audio") ? std::get_if<std::string>(&node.member("audio")->data) : nullptr;
  if (coded == nullptr) return missing(node.path_of("audio"));
  auto bytes = coded->size() > InputAudio::kMostAppend / 3 * 4 + 4 ? std::nullopt : base64_decode(*coded);
  if (!bytes || bytes->empty() || bytes->size() % sample_bytes(encoding) != 0) {
    return wrong("invalid_value",
                 fmt::format("{}: must be base64 of whole samples of {}, up to 15 MiB", node.path_of("audio"),
                             media_type(encoding)),
                 node.path_of("audio"));
  }
  part.transcript_pending = true;
  audio.push_back(std::move(*bytes));
  return part;
}

std::string_view status_name(ItemStatus status) {
  switch (status) {
    case ItemStatus::in_progress: return "in_progress";
    case ItemStatus::completed: return "completed";
    case ItemStatus::incomplete: return "incomplete";
  }
  return {};
}

/// The place after as many of the words of [begin, end) as `share` of it holds.
std::size_t words_within(std::string_view text, std::size_t begin, std::size_t end, double share) {
  const auto limit = begin + static_cast<std::size_t>(static_cast<double>(end - begin) * std::clamp(share, 0.0, 1.0));
  if (limit >= end) return end;
  std::size_t at = limit;
  while (at > begin && text[at] != ' ') --at;
  return at;
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

bool abbreviated(std::string_view text, std::size_t dot) {
  std::size_t begin = dot;
  while (begin > 0 && std::isalpha(static_cast<unsigned char>(text[begin - 1])) != 0) --begin;
  const auto word = text.substr(begin, dot - begin);
  if (word.size() == 1) return true;
  constexpr std::array<std::string_view, 10> kKnown{"Mr", "Mrs", "Ms", "Dr", "Prof", "St", "vs", "etc", "No", "Jr"};
  return std::find(kKnown.begin(), kKnown.end(), word) != kKnown.end();
}

}  // namespace

std::string_view type_of(PartKind kind) noexcept { return kTypes[static_cast<std::size_t>(kind)]; }

Read<Item> read_item(const Node& node, Encoding encoding, std::vector<std::string>& audio) {
  const auto type = node.needed_text("type", 64);
  if (!type) return tl::make_unexpected(type.error());
  if (*type != "message") {
    if (type->starts_with("function_call") || type->starts_with("mcp_"))
      return not_served(node.path_of("type"), "tools are not served here yet: only items of type message are taken");
    return wrong("invalid_value",
                 fmt::format("{}: must be message, not \"{}\"", node.path_of("type"), type->substr(0, 40)),
                 node.path_of("type"));
  }
  if (auto ok = node.only({"type", "id", "object", "role", "status", "content"}); !ok)
    return tl::make_unexpected(ok.error());
  Item item;
  constexpr std::array<std::string_view, 3> kRoles{"user", "assistant", "system"};
  const auto role = node.choice("role", {kRoles[0], kRoles[1], kRoles[2]});
  if (!role) return tl::make_unexpected(role.error());
  if (!*role) return missing(node.path_of("role"));
  item.role = kRoles[**role];
  auto id = node.text("id", kMostId);
  if (!id) return tl::make_unexpected(id.error());
  item.id = id->value_or("");
  const auto status = node.choice("status", {"completed", "incomplete", "in_progress"});
  if (!status) return tl::make_unexpected(status.error());
  const auto list = node.list("content", kMostParts);
  if (!list) return tl::make_unexpected(list.error());
  if (*list == nullptr || (*list)->empty()) return missing(node.path_of("content"));
  std::size_t text = 0;
  for (std::size_t i = 0; i < (*list)->size(); ++i) {
    auto part = Node::of((**list)[i], fmt::format("{}[{}]", node.path_of("content"), i)).and_then([&](const Node& n) {
      return read_part(n, item.role, encoding, audio);
    });
    if (!part) return tl::make_unexpected(part.error());
    text += part->text.size();
    if (text > kMostText) {
      return wrong("string_above_max_length",
                   fmt::format("{}: has more than {} bytes of text", node.path_of("content"), kMostText),
                   node.path_of("content"));
    }
    item.parts.push_back(std::move(*part));
  }
  return item;
}

void write_item(JsonWriter& w, const Item& item) {
  w.begin_object().key("id").string(item.id).key("object").string("realtime.item").key("type").string("message");
  w.key("status").string(status_name(item.status)).key("role").string(item.role).key("content").begin_array();
  for (const auto& part : item.parts) {
    w.begin_object().key("type").string(type_of(part.kind));
    const bool audio = part.kind == PartKind::input_audio || part.kind == PartKind::output_audio;
    w.key(audio ? "transcript" : "text");
    if (part.transcript_pending || part.transcript_failed) {
      w.null();
    } else {
      w.string(part.text);
    }
    w.end_object();
  }
  w.end_array().end_object();
}

Read<void> truncate(Item& item, std::uint64_t audio_ms) {
  const auto part = std::find_if(item.parts.begin(), item.parts.end(),
                                 [](const Part& p) { return p.kind == PartKind::output_audio; });
  const std::uint64_t whole = item.spoken.empty() ? 0 : item.spoken.back().audio_ms;
  if (audio_ms > whole) {
    return wrong("invalid_value", fmt::format("audio_end_ms: the item has {} ms of audio, not {}", whole, audio_ms),
                 "audio_end_ms");
  }
  std::size_t begin = 0;
  std::uint64_t began = 0;
  for (auto it = item.spoken.begin(); it != item.spoken.end(); ++it) {
    if (audio_ms < it->audio_ms) {
      const double share = static_cast<double>(audio_ms - began) / static_cast<double>(it->audio_ms - began);
      it->text_end = words_within(part->text, begin, std::min(it->text_end, part->text.size()), share);
      it->audio_ms = audio_ms;
      item.spoken.erase(std::next(it), item.spoken.end());
      break;
    }
    begin = it->text_end;
    began = it->audio_ms;
  }
  if (!item.spoken.empty()) part->text.resize(std::min(part->text.size(), item.spoken.back().text_end));
  return {};
}

std::size_t SentenceCutter::end_of_piece() const {
  for (std::size_t i = 0; i + 1 < rest_.size(); ++i) {
    const char c = rest_[i];
    const bool space = is_space(rest_[i + 1]);
    if (c == '\n' && i >= kShortest) return i + 1;
    if (!space) continue;
    if ((c == '!' || c == '?' || (c == '.' && !abbreviated(rest_, i))) && i + 1 >= kShortest) return i + 1;
    // The first words are heard sooner when the answer begins with a long sentence.
    if (taken_ == 0 && (c == ',' || c == ';' || c == ':') && i >= kFirstClause) return i + 1;
  }
  if (rest_.size() <= kLongest) return 0;
  const auto space = rest_.rfind(' ', kLongest);
  if (space != std::string::npos && space > kShortest) return space + 1;
  std::size_t at = kLongest;
  while (at > 1 && (static_cast<unsigned char>(rest_[at]) & 0xC0) == 0x80) --at;
  return at;
}

void SentenceCutter::cut(std::size_t at, std::vector<Piece>& out) {
  taken_ += at;
  std::string piece = rest_.substr(0, at);
  rest_.erase(0, at);
  const bool says =
      std::any_of(piece.begin(), piece.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c >= 0x80; });
  if (says) out.push_back({std::move(piece), taken_});
}

std::vector<SentenceCutter::Piece> SentenceCutter::add(std::string_view text) {
  rest_ += text;
  std::vector<Piece> out;
  while (const std::size_t at = end_of_piece()) cut(at, out);
  return out;
}

std::vector<SentenceCutter::Piece> SentenceCutter::finish() {
  std::vector<Piece> out = add({});
  if (!rest_.empty()) cut(rest_.size(), out);
  return out;
}

}  // namespace zenith::gateway::realtime
