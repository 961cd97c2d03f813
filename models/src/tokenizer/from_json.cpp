// tokenizer_from_json: Hugging Face's tokenizer.json.
#include <algorithm>

#include "tokenizer/byte_bpe.hpp"
#include "tokenizer/json_fields.hpp"
#include "tokenizer/json_pretokenizer.hpp"
#include "tokenizer/wordpiece.hpp"

namespace zenith::models {
namespace {

using namespace json_fields;

constexpr std::string_view kVocabField = "model.vocab", kMergesField = "model.merges", kAddedField = "added_tokens";

struct Tokens {
  std::vector<std::string> texts;
  std::vector<TokenKind> kinds;
};

// The vocabulary and the added tokens together must number 0, 1, 2, … without holes.
Expected<Tokens> tokens_of(const Json& root) {
  const Json& vocab = field(field(root, "model"), "vocab");
  if (!vocab.is_object()) return bad(kVocabField, "is no object from token to id");
  const Json& added = field(root, "added_tokens");
  if (!added.is_null() && !added.is_array()) return bad(kAddedField, "is no array");
  Tokens tokens;
  const std::size_t most = vocab.size() + added.size();
  tokens.texts.resize(most);
  tokens.kinds.resize(most, TokenKind::normal);
  std::size_t count = 0;
  for (const auto& [text, value] : vocab.items()) {
    const std::int32_t id = id_of(value);
    if (id < 0 || static_cast<std::size_t>(id) >= most)
      return bad(kVocabField, "gives '" + text.substr(0, 64) + "' an id out of range");
    std::string& place = tokens.texts[static_cast<std::size_t>(id)];
    if (text.empty() || !place.empty())
      return bad(kVocabField, "has an empty token, or two with the id " + std::to_string(id));
    place = text;
    ++count;
  }
  for (const Json& token : added) {
    const std::int32_t id = id_of(field(token, "id"));
    const std::string text = text_of(field(token, "content"));
    if (id < 0 || static_cast<std::size_t>(id) >= most || text.empty())
      return bad(kAddedField, "has an entry without content or with an id out of range");
    for (const char* name : {"single_word", "lstrip", "rstrip"}) {
      if (flag(token, name, false))
        return unsupported(kAddedField, "sets " + std::string{name} + " for '" + text.substr(0, 64) + "'");
    }
    std::string& place = tokens.texts[static_cast<std::size_t>(id)];
    if (!place.empty() && place != text) return bad(kAddedField, "renames token " + std::to_string(id));
    if (place.empty()) ++count;
    place = text;
    tokens.kinds[static_cast<std::size_t>(id)] =
        flag(token, "special", false) ? TokenKind::control : TokenKind::user_defined;
  }
  tokens.texts.resize(count);
  tokens.kinds.resize(count);
  if (std::any_of(tokens.texts.begin(), tokens.texts.end(), [](const std::string& t) { return t.empty(); })) {
    return bad(kVocabField, "leaves ids out: they must run from 0 without holes");
  }
  return tokens;
}

TokenId find_token(const Tokens& tokens, std::string_view text) {
  const auto it = std::find(tokens.texts.begin(), tokens.texts.end(), text);
  return text.empty() || it == tokens.texts.end() ? -1 : static_cast<TokenId>(it - tokens.texts.begin());
}

// What add_special puts before and after the text.
struct Frame {
  TokenId before = -1, after = -1;
};

Expected<Frame> frame_of(const Json& processor, const Tokens& tokens) {
  Frame frame;
  const std::string type = type_of(processor);
  if (type == "Sequence") {
    for (const Json& part : field(processor, "processors")) {
      if (type_of(part) == "Sequence") return unsupported("post_processor", "nests sequences");
      const auto inner = frame_of(part, tokens);
      if (!inner) return inner;
      if (inner->before >= 0) frame.before = inner->before;
      if (inner->after >= 0) frame.after = inner->after;
    }
    return frame;
  }
  if (type.empty() || type == "ByteLevel") return frame;  // ByteLevel only trims offsets
  if (type != "TemplateProcessing")
    return unsupported("post_processor",
                       "is of type '" + type + "', known are TemplateProcessing, ByteLevel, Sequence");
  bool seen_text = false;
  for (const Json& part : field(processor, "single")) {
    if (!field(part, "Sequence").is_null()) {
      seen_text = true;
      continue;
    }
    const TokenId id = find_token(tokens, text_of(field(field(part, "SpecialToken"), "id")));
    TokenId& place = seen_text ? frame.after : frame.before;
    if (id < 0 || place >= 0)
      return unsupported("post_processor", "puts more than one token, or an unknown one, on a side of the text");
    place = id;
  }
  return frame;
}

Expected<std::unique_ptr<Tokenizer>> wordpiece(const Json& root, Tokens tokens) {
  const Json& model = field(root, "model");
  const Json& normalizer = field(root, "normalizer");
  if (type_of(normalizer) != "BertNormalizer")
    return unsupported("normalizer", "is of type '" + type_of(normalizer) + "', known is BertNormalizer");
  if (type_of(field(root, "pre_tokenizer")) != "BertPreTokenizer") {
    return unsupported("pre_tokenizer",
                       "is of type '" + type_of(field(root, "pre_tokenizer")) + "', known is BertPreTokenizer");
  }
  if (text_of(field(model, "continuing_subword_prefix")) != "##")
    return unsupported("model.continuing_subword_prefix", "is not '##'");
  WordPieceOptions options;
  options.clean_text = flag(normalizer, "clean_text", true);
  options.chinese_chars = flag(normalizer, "handle_chinese_chars", true);
  options.lowercase = flag(normalizer, "lowercase", true);
  options.strip_accents = flag(normalizer, "strip_accents", options.lowercase);  // null follows lowercase
  const Json& longest = field(model, "max_input_chars_per_word");
  if (!longest.is_null()) {
    const std::int32_t value = id_of(longest);
    if (value < 0 || value > 1000) return unsupported("model.max_input_chars_per_word", "is no integer from 0 to 1000");
    options.longest_word = static_cast<std::size_t>(value);
  }
  const auto frame = frame_of(field(root, "post_processor"), tokens);
  if (!frame) return tl::make_unexpected(frame.error());
  const SpecialIds ids{.bos = frame->before,
                       .unknown = find_token(tokens, text_of(field(model, "unk_token"))),
                       .separator = frame->after};
  auto vocabulary = Vocabulary::make(std::move(tokens.texts), std::move(tokens.kinds), ids, kVocabField);
  if (!vocabulary) return tl::make_unexpected(std::move(vocabulary.error()));
  return WordPieceTokenizer::make(*std::move(vocabulary), options, "model.unk_token");
}

Expected<std::vector<std::pair<std::string, std::string>>> merges_of(const Json& merges) {
  if (!merges.is_array()) return bad(kMergesField, "is no array");
  std::vector<std::pair<std::string, std::string>> rules;
  for (const Json& merge : merges) {
    std::string left, right;
    if (merge.is_array() && merge.size() == 2) {
      left = text_of(merge[0]);
      right = text_of(merge[1]);
    } else {
      const std::string line = text_of(merge);
      const std::size_t space = line.find(' ');
      if (space != std::string::npos) {
        left = line.substr(0, space);
        right = line.substr(space + 1);
      }
    }
    if (left.empty() || right.empty())
      return bad(kMergesField, "entry " + std::to_string(rules.size()) + " is not two tokens");
    rules.emplace_back(std::move(left), std::move(right));
  }
  return rules;
}

Expected<std::unique_ptr<Tokenizer>> byte_bpe(const Json& root, Tokens tokens) {
  const Json& model = field(root, "model");
  if (!field(root, "normalizer").is_null()) {
    return unsupported("normalizer",
                       "is of type '" + type_of(field(root, "normalizer")) + "'; with BPE only null is supported");
  }
  if (flag(model, "byte_fallback", false))
    return unsupported("model.byte_fallback", "is set; only byte-level BPE is supported");
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!text_of(field(model, name)).empty()) return unsupported("model." + std::string{name}, "is set");
  }
  const auto family = split_family_from_json(field(root, "pre_tokenizer"));
  if (!family) return tl::make_unexpected(family.error());
  const auto frame = frame_of(field(root, "post_processor"), tokens);
  if (!frame) return tl::make_unexpected(frame.error());
  const auto rules = merges_of(field(model, "merges"));
  if (!rules) return tl::make_unexpected(rules.error());
  std::vector<MergeRule> merges;
  merges.reserve(rules->size());
  for (const auto& [left, right] : *rules) merges.push_back({left, right});

  ByteBpeOptions options{{*family, flag(model, "ignore_merges", false), false}, frame->before >= 0, frame->after >= 0};
  const SpecialIds ids{
      .bos = frame->before, .eos = frame->after, .unknown = find_token(tokens, text_of(field(model, "unk_token")))};
  auto vocabulary = Vocabulary::make(std::move(tokens.texts), std::move(tokens.kinds), ids, kVocabField);
  if (!vocabulary) return tl::make_unexpected(std::move(vocabulary.error()));
  return ByteBpeTokenizer::make(*std::move(vocabulary), merges, options, kMergesField);
}

}  // namespace

Expected<std::unique_ptr<Tokenizer>> tokenizer_from_json(std::string_view text) {
  const Json root = Json::parse(text, nullptr, false);
  if (!root.is_object()) return bad("", "is no JSON object");
  const Json& model = field(root, "model");
  std::string type = type_of(model);
  if (type.empty() && !field(model, "merges").is_null()) type = "BPE";  // old files leave it out
  if (type != "BPE" && type != "WordPiece")
    return unsupported("model.type", "is '" + type + "', known are BPE, WordPiece");
  auto tokens = tokens_of(root);
  if (!tokens) return tl::make_unexpected(std::move(tokens.error()));
  return type == "BPE" ? byte_bpe(root, *std::move(tokens)) : wordpiece(root, *std::move(tokens));
}

}  // namespace zenith::models
