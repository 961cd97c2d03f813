#include "whisper_config.hpp"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "zenith/core/utf8.hpp"

namespace zenith::media {
namespace {

using Json = nlohmann::json;

constexpr std::uintmax_t kLargestFile = 16u << 20;
constexpr std::size_t kMostTokens = 1u << 17, kTimestamps = 1501;

tl::unexpected<Error> bad(const std::string& file, const std::string& what) {
  return fail(Errc::bad_file, fmt::format("whisper's {}: {}", file, what), "model");
}

/// GPT-2's map: printable bytes stand for themselves, the others for the characters from U+0100 on.
std::map<char32_t, char> byte_of_character() {
  std::map<char32_t, char> map;
  char32_t next = 256;
  for (int b = 0; b < 256; ++b) {
    const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
    map[printable ? static_cast<char32_t>(b) : next++] = static_cast<char>(b);
  }
  return map;
}

std::optional<std::string> to_bytes(std::string_view token) {
  static const auto map = byte_of_character();
  std::string out;
  for (std::size_t at = 0; at < token.size();) {
    const auto found = map.find(utf8_next(token, at));
    if (found == map.end()) return std::nullopt;
    out += found->second;
  }
  return out;
}

Expected<std::string> read_text(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return fail(Errc::not_found, "there is no file " + path.string(), "model");
  if (size > kLargestFile) return fail(Errc::bad_file, path.string() + " is too large", "model");
  std::ifstream file{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (!file) return fail(Errc::io, path.string() + " cannot be read", "model");
  return text;
}

Expected<std::vector<TokenId>> token_list(const Json& config, const char* key, std::size_t tokens) {
  const auto at = config.find(key);
  if (at == config.end() || !at->is_array()) return bad("config.json", fmt::format("{} is missing", key));
  std::vector<TokenId> out;
  for (const auto& id : *at) {
    if (!id.is_number_integer() || id < 0 || id >= tokens)
      return bad("config.json", fmt::format("{} has no token", key));
    out.push_back(id.get<TokenId>());
  }
  return out;
}

bool letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// GPT-2's words: a contraction; letters, digits or marks with one space before them; spaces.
std::size_t word_end(std::string_view text) {
  for (const std::string_view tail : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(tail)) return tail.size();
  }
  std::size_t at = text.size() > 1 && text[0] == ' ' && !space(text[1]) ? 1 : 0;
  const auto run = [&](auto kind) {
    while (at < text.size() && kind(text[at])) ++at;
    return at;
  };
  if (letter(text[at])) return run(letter);
  if (digit(text[at])) return run(digit);
  if (!space(text[at])) return run([](char c) { return !letter(c) && !digit(c) && !space(c); });
  run(space);
  return at < text.size() && at > 1 ? at - 1 : at;  // the last space belongs to the next word
}

}  // namespace

Expected<WhisperVocabulary> WhisperVocabulary::parse(std::string_view config_text, std::string_view tokenizer_text,
                                                     std::string_view vocabulary) {
  WhisperVocabulary out;
  auto& specials = out.specials_;
  const std::map<std::string_view, TokenId*> named{{"<|endoftext|>", &specials.end},
                                                   {"<|startoftranscript|>", &specials.start},
                                                   {"<|transcribe|>", &specials.transcribe},
                                                   {"<|startofprev|>", &specials.previous},
                                                   {"<|nospeech|>", &specials.no_speech},
                                                   {"<|nocaptions|>", &specials.no_speech},
                                                   {"<|notimestamps|>", &specials.no_timestamps},
                                                   {"<|0.00|>", &specials.timestamps}};
  std::vector<std::string> names;
  for (std::size_t at = 0; at < vocabulary.size();) {
    const std::size_t end = std::min(vocabulary.find('\n', at), vocabulary.size());
    names.emplace_back(vocabulary.substr(at, end - at));
    at = end + 1;
    if (names.size() > kMostTokens) return bad("vocabulary.txt", "has too many lines");
  }
  out.bytes_.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (const auto it = named.find(names[i]); it != named.end()) {
      *it->second = id;
    } else if (specials.end >= 0) {
      continue;  // languages and timestamps
    } else {
      auto bytes = to_bytes(names[i]);
      if (!bytes) return bad("vocabulary.txt", fmt::format("line {} is no byte-level token", i + 1));
      out.ids_.emplace(*bytes, id);
      out.bytes_[i] = std::move(*bytes);
    }
  }
  for (const auto& [name, id] : named) {
    if (*id < 0) return bad("vocabulary.txt", fmt::format("{} is missing", name));
  }
  if (names.size() != static_cast<std::size_t>(specials.timestamps) + kTimestamps) {
    return bad("vocabulary.txt", fmt::format("has {} lines: {} timestamps do not end it", names.size(), kTimestamps));
  }

  const Json config = Json::parse(config_text, nullptr, false);
  if (!config.is_object()) return bad("config.json", "is no JSON object");
  auto never = token_list(config, "suppress_ids", names.size());
  if (!never) return tl::make_unexpected(never.error());
  auto not_first = token_list(config, "suppress_ids_begin", names.size());
  if (!not_first) return tl::make_unexpected(not_first.error());
  auto languages = token_list(config, "lang_ids", names.size());
  if (!languages) return tl::make_unexpected(languages.error());
  specials.never = std::move(*never);
  specials.not_first = std::move(*not_first);
  for (const TokenId id : *languages) {
    const std::string& name = names[static_cast<std::size_t>(id)];  // "<|en|>"
    if (name.size() < 6 || !name.starts_with("<|") || !name.ends_with("|>")) {
      return bad("config.json", "lang_ids holds what is no language");
    }
    specials.languages[name.substr(2, name.size() - 4)] = id;
  }
  if (specials.languages.empty()) return bad("config.json", "lang_ids is empty: English-only models are not served");

  const Json tokenizer = Json::parse(tokenizer_text, nullptr, false);
  const auto model = tokenizer.is_object() ? tokenizer.find("model") : tokenizer.end();
  const Json merges = model != tokenizer.end() && model->is_object() ? model->value("merges", Json{}) : Json{};
  if (!merges.is_array()) return bad("tokenizer.json", "model.merges is missing");
  for (const auto& merge : merges) {
    std::array<std::string, 2> pair;
    if (merge.is_string()) {
      const auto& text = merge.get_ref<const std::string&>();
      const auto cut = text.find(' ');
      pair = {text.substr(0, cut), cut == std::string::npos ? "" : text.substr(cut + 1)};
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      pair = {merge[0].get<std::string>(), merge[1].get<std::string>()};
    }
    auto left = to_bytes(pair[0]), right = to_bytes(pair[1]);
    if (!left || !right || left->empty() || right->empty()) return bad("tokenizer.json", "model.merges has no pair");
    out.ranks_.emplace(std::pair{std::move(*left), std::move(*right)}, out.ranks_.size());
  }
  return out;
}

Expected<WhisperVocabulary> WhisperVocabulary::load(const std::filesystem::path& folder) {
  std::array<std::string, 3> texts;
  std::size_t i = 0;
  for (const char* name : {"config.json", "tokenizer.json", "vocabulary.txt"}) {
    auto text = read_text(folder / name);
    if (!text) return tl::make_unexpected(text.error());
    texts[i++] = std::move(*text);
  }
  return parse(texts[0], texts[1], texts[2]);
}

std::string WhisperVocabulary::text(const std::vector<TokenId>& tokens) const {
  std::string bytes;
  for (const TokenId token : tokens) {
    if (is_text(token)) bytes += bytes_[static_cast<std::size_t>(token)];
  }
  return utf8_lossy(bytes);
}

std::vector<TokenId> WhisperVocabulary::encode(std::string_view text) const {
  std::vector<TokenId> out;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, word_end(text));
    text.remove_prefix(word.size());
    std::vector<std::string> parts;
    for (const char c : word) parts.emplace_back(1, c);
    for (;;) {
      std::size_t best = parts.size(), best_rank = ranks_.size();
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto it = ranks_.find({parts[i], parts[i + 1]});
        if (it != ranks_.end() && it->second < best_rank) {
          best = i;
          best_rank = it->second;
        }
      }
      if (best == parts.size()) break;
      parts[best] += parts[best + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    for (const auto& part : parts) {
      if (const auto it = ids_.find(part); it != ids_.end()) out.push_back(it->second);
    }
  }
  return out;
}

}  // namespace zenith::media
