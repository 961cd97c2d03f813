#include "tokenizer/vocabulary.hpp"

#include <algorithm>
#include <iterator>

namespace zenith::models {
namespace {

// Names that end a turn whatever the metadata says. Source: the list that llama.cpp keeps (issue 9606 there says why
// names are needed).
constexpr std::string_view kEndNames[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<turn|>",
    "<|tool_response>",
    "<\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
};

// The same, but also ordinary text in some vocabularies (HTML's </s>): they count only where the file says control.
constexpr std::string_view kEndNamesIfControl[] = {"</s>", "<eos>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "[e~["};

}  // namespace

Expected<Vocabulary> Vocabulary::make(std::vector<std::string> texts, std::vector<TokenKind> kinds,
                                      const SpecialIds& ids, std::string_view key) {
  const std::string name{key};
  if (texts.empty()) return fail(Errc::bad_file, "key '" + name + "' holds no tokens", name);
  if (texts.size() > 0x7FFFFFFF) return fail(Errc::bad_file, "key '" + name + "' holds more than 2^31 tokens", name);
  Vocabulary v;
  v.texts_ = std::move(texts);
  v.kinds_ = std::move(kinds);
  v.kinds_.resize(v.texts_.size(), TokenKind::normal);
  v.ids_ = ids;
  v.index_ = StringIndex(v.texts_.size());
  for (std::size_t i = 0; i < v.texts_.size(); ++i) {
    const std::string& text = v.texts_[i];
    if (text.empty()) return fail(Errc::bad_file, "key '" + name + "': token " + std::to_string(i) + " is empty", name);
    if (!v.index_.insert(text, static_cast<TokenId>(i))) {
      return fail(Errc::bad_file,
                  "key '" + name + "': tokens " + std::to_string(v.index_.find(text)) + " and " + std::to_string(i) +
                      " are the same text",
                  name);
    }
  }
  v.find_end_of_generation();
  for (std::size_t i = 0; i < v.texts_.size(); ++i) {
    const std::size_t length = v.texts_[i].size();
    if (!v.special(static_cast<TokenId>(i)) || length <= SpecialMatcher::kMaxLength) continue;
    return fail(Errc::bad_file,
                "key '" + name + "': special token " + std::to_string(i) + " has " + std::to_string(length) +
                    " bytes, at most " + std::to_string(SpecialMatcher::kMaxLength) + " are allowed",
                name);
  }
  v.add_specials();
  return v;
}

void Vocabulary::add_specials() {
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (special(id)) specials_.add(texts_[i], id, hidden(id));
  }
}

void Vocabulary::fold_spaces() {
  specials_ = SpecialMatcher{true};
  add_specials();
}

void Vocabulary::find_end_of_generation() {
  auto& ends = end_of_generation_;
  for (const std::string_view name : kEndNames) {
    const TokenId id = find(name);
    if (id < 0) continue;
    kinds_[static_cast<std::size_t>(id)] = TokenKind::control;  // some files call them normal or user-defined
    ends.push_back(id);
  }
  for (const std::string_view name : kEndNamesIfControl) {
    if (const TokenId id = find(name); kind(id) == TokenKind::control) ends.push_back(id);
  }
  // In vocabularies with channels (gpt-oss, solar-open) <|end|> ends a message, not the turn.
  if ((find("<|return|>") >= 0 && find("<|call|>") >= 0) || (find("<|calls|>") >= 0 && find("<|flush|>") >= 0)) {
    std::erase(ends, find("<|end|>"));
  }
  for (const TokenId id : {ids_.eos, ids_.eot, ids_.eom}) {
    if (contains(id)) ends.push_back(id);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
}

}  // namespace zenith::models
