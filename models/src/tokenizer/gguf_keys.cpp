#include "tokenizer/gguf_keys.hpp"

#include <utility>

namespace zenith::models {
namespace {

tl::unexpected<Error> bad(std::string_view key, std::string_view what) {
  return fail(Errc::bad_file, "key '" + std::string{key} + "' " + std::string{what}, std::string{key});
}

Expected<TokenKind> kind_of(double type, std::size_t at) {
  switch (static_cast<int>(type)) {
    case 0:  // undefined
    case 1: return TokenKind::normal;
    case 2: return TokenKind::unknown;
    case 3: return TokenKind::control;
    case 4: return TokenKind::user_defined;
    case 5: return TokenKind::unused;
    case 6: return TokenKind::byte;
    default:
      return bad(kTypesKey,
                 "has the type " + std::to_string(type) + " at " + std::to_string(at) + "; types are 0 to 6");
  }
}

}  // namespace

Expected<const std::vector<std::string>*> string_array(const WeightSource& source, std::string_view key) {
  const MetaValue* value = source.meta(key);
  if (value == nullptr) return bad(key, "is missing");
  const auto* strings = std::get_if<std::vector<std::string>>(value);
  if (strings == nullptr) return bad(key, "is no array of strings");
  return strings;
}

Expected<std::vector<double>> number_array(const WeightSource& source, std::string_view key, std::size_t count) {
  const MetaValue* value = source.meta(key);
  std::vector<double> numbers;
  if (value == nullptr) return numbers;
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(value)) {
    numbers.assign(integers->begin(), integers->end());
  } else if (const auto* reals = std::get_if<std::vector<double>>(value)) {
    numbers = *reals;
  } else {
    return bad(key, "is no array of numbers");
  }
  if (numbers.size() != count) {
    return bad(
        key, "has " + std::to_string(numbers.size()) + " entries, but there are " + std::to_string(count) + " tokens");
  }
  return numbers;
}

Expected<Vocabulary> vocabulary_from_gguf(const WeightSource& source, const SpecialIds& fallback) {
  const auto texts = string_array(source, kTokensKey);
  if (!texts) return tl::make_unexpected(texts.error());
  const auto types = number_array(source, kTypesKey, (*texts)->size());
  if (!types) return tl::make_unexpected(types.error());
  std::vector<TokenKind> kinds;
  kinds.reserve(types->size());
  for (std::size_t i = 0; i < types->size(); ++i) {
    const double type = (*types)[i];
    const auto kind = kind_of(type >= 0 && type < 100 ? type : 99, i);
    if (!kind) return tl::make_unexpected(kind.error());
    kinds.push_back(*kind);
  }
  constexpr std::int64_t kNone32 = 0xFFFFFFFF;  // how some writers say "no such token"
  SpecialIds ids = fallback;
  const auto count = static_cast<std::int64_t>((*texts)->size());
  for (const auto& [key, id] : {std::pair<std::string_view, TokenId*>{"tokenizer.ggml.bos_token_id", &ids.bos},
                                {"tokenizer.ggml.eos_token_id", &ids.eos},
                                {"tokenizer.ggml.unknown_token_id", &ids.unknown},
                                {"tokenizer.ggml.eot_token_id", &ids.eot},
                                {"tokenizer.ggml.eom_token_id", &ids.eom},
                                {"tokenizer.ggml.seperator_token_id", &ids.separator}}) {  // spelt so by the format
    if (source.meta(key) == nullptr) {
      if (*id >= count) *id = -1;
      continue;
    }
    const auto value = meta_int(source, key);
    if (!value) return tl::make_unexpected(value.error());
    if (*value == -1 || *value == kNone32) {
      *id = -1;
    } else if (*value < 0 || *value >= count) {
      return bad(key, "is " + std::to_string(*value) + ", but there are " + std::to_string(count) + " tokens");
    } else {
      *id = static_cast<TokenId>(*value);
    }
  }
  return Vocabulary::make(**texts, std::move(kinds), ids, kTokensKey);
}

}  // namespace zenith::models
