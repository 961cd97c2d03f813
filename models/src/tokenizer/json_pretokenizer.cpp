#include "tokenizer/json_pretokenizer.hpp"

#include "tokenizer/json_fields.hpp"

namespace zenith::models {
namespace {

using namespace json_fields;

struct Expressions {
  std::string_view family;
  std::vector<std::string_view> list;
};

// The expressions as published tokenizers write them.
const std::vector<Expressions>& known_expressions() {
  static const std::vector<Expressions> known = {
      {"gpt2", {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"}},
      {"llama3",
       {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
      {"qwen2",
       {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
      {"qwen35",
       {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
      {"deepseek-v3",
       {R"(\p{N}{1,3})", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
        "?[\\p{P}\\p{S}]+[\r\n]*"
        "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"}},
      {"gpt-4o",
       {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
        R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
        R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
      {"tekken",
       {R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
        R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
        R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"}},
  };
  return known;
}

}  // namespace

Expected<const SplitFamily*> split_family_from_json(const Json& value) {
  std::vector<const Json*> parts;
  if (type_of(value) == "Sequence") {
    for (const Json& part : field(value, "pretokenizers")) parts.push_back(&part);
  } else {
    parts.push_back(&value);
  }
  if (parts.empty() || type_of(*parts.back()) != "ByteLevel") {
    return unsupported("pre_tokenizer",
                       "does not end in ByteLevel; of type BPE, only byte-level tokenizers are supported");
  }
  if (flag(*parts.back(), "add_prefix_space", false))
    return unsupported("pre_tokenizer", "has add_prefix_space, which is not supported");
  const bool own_expression = flag(*parts.back(), "use_regex", true);
  parts.pop_back();
  if (own_expression && parts.empty()) return find_split_family("gpt2");
  if (own_expression && parts.size() == 1 && type_of(*parts[0]) == "Digits" &&
      flag(*parts[0], "individual_digits", false)) {
    return find_split_family("smollm");
  }
  std::vector<std::string> expressions;
  for (const Json* part : parts) {
    if (type_of(*part) != "Split" || text_of(field(*part, "behavior")) != "Isolated" || flag(*part, "invert", false)) {
      return unsupported("pre_tokenizer", "has a step of type '" + type_of(*part) + "' that is no isolating Split");
    }
    expressions.push_back(text_of(field(field(*part, "pattern"), "Regex")));
  }
  if (!own_expression) {
    for (const Expressions& known : known_expressions()) {
      if (std::equal(expressions.begin(), expressions.end(), known.list.begin(), known.list.end()))
        return find_split_family(known.family);
    }
  }
  std::string list;
  for (const Expressions& known : known_expressions()) list.append(list.empty() ? "" : ", ").append(known.family);
  return unsupported("pre_tokenizer", "has expressions of no known family (smollm, " + list + ")");
}

}  // namespace zenith::models
