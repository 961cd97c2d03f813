#include "tokenizer/pretokenizer.hpp"

#include <algorithm>
#include <iterator>

#include "tokenizer/split_rules.hpp"

namespace zenith::models {
namespace {

constexpr SplitPass kGpt2[] = {rules::gpt2};
constexpr SplitPass kSmollm[] = {rules::each_digit, rules::gpt2};
constexpr SplitPass kLlama3[] = {rules::llama3};
constexpr SplitPass kQwen2[] = {rules::qwen2};
constexpr SplitPass kQwen35[] = {rules::qwen35};
constexpr SplitPass kDeepseekV3[] = {rules::three_digits, rules::han_kana_runs, rules::deepseek_v3_words};
constexpr SplitPass kDeepseekLlm[] = {rules::each_newline, rules::space_cased_letters, rules::space_ascii_marks,
                                      rules::final_space,  rules::deepseek_asian_runs, rules::digit_runs};
constexpr SplitPass kDeepseekCoder[] = {rules::each_newline, rules::space_letters, rules::space_punctuation,
                                        rules::deepseek_asian_runs, rules::each_digit};
constexpr SplitPass kGpt4o[] = {rules::gpt4o};
constexpr SplitPass kTekken[] = {rules::tekken};
constexpr SplitPass kFalcon[] = {rules::falcon_punctuation, rules::gpt2, rules::ascii_digit_triples};
constexpr SplitPass kDefault[] = {rules::default_punctuation, rules::gpt2, rules::digit_runs,
                                  rules::ascii_digit_triples};

constexpr SplitFamily kFamilies[] = {
    {"gpt2", kGpt2},
    {"smollm", kSmollm},
    {"llama3", kLlama3},
    {"qwen2", kQwen2},
    {"qwen35", kQwen35},
    {"deepseek-v3", kDeepseekV3},
    {"deepseek-llm", kDeepseekLlm},
    {"deepseek-coder", kDeepseekCoder},
    {"gpt-4o", kGpt4o},
    {"tekken", kTekken},
    {"falcon", kFalcon},
    {"default", kDefault},
};

constexpr const SplitFamily& family(std::string_view name) {
  const SplitFamily* found =
      std::find_if(std::begin(kFamilies), std::end(kFamilies), [&](const SplitFamily& f) { return f.name == name; });
  return *found;
}

struct Name {
  std::string_view pre;
  PreTokenizer value;
};

constexpr const SplitFamily *kG = &family("gpt2"), *kSm = &family("smollm"), *kL3 = &family("llama3"),
                            *kQ2 = &family("qwen2"), *kV3 = &family("deepseek-v3"), *k4o = &family("gpt-4o");

// Names whose tokenizers also append a separator (jina-v1-en, jina-v2-code, roberta-bpe) are left out on purpose.
constexpr Name kNames[] = {
    {"default", {&family("default"), false, false}},
    {"gpt-2", {kG, false, false}},
    {"phi-2", {kG, false, false}},
    {"jina-es", {kG, false, false}},
    {"jina-de", {kG, false, false}},
    {"jina-v2-es", {kG, false, false}},
    {"jina-v2-de", {kG, false, false}},
    {"gigachat", {kG, false, false}},
    {"a.x-4.0", {kG, false, false}},
    {"mellum", {kG, false, false}},
    {"modern-bert", {kG, false, false}},
    {"mpt", {kG, false, false}},
    {"olmo", {kG, false, false}},
    {"jais", {kG, false, false}},
    {"trillion", {kG, false, false}},
    {"granite-docling", {kG, false, false}},
    {"exaone4", {kG, false, false}},
    {"smollm", {kSm, false, false}},
    {"starcoder", {kSm, false, false}},
    {"refact", {kSm, false, false}},
    {"command-r", {kSm, false, false}},
    {"codeshell", {kSm, false, false}},
    {"exaone", {kSm, false, false}},
    {"minerva-7b", {kSm, false, false}},
    {"mellum2", {kSm, false, false}},
    {"llama3", {kL3, true, true}},
    {"llama-v3", {kL3, true, true}},
    {"llama-bpe", {kL3, true, true}},
    {"falcon3", {kL3, true, true}},
    {"falcon-h1", {kL3, true, true}},
    {"pixtral", {kL3, true, true}},
    {"midm-2.0", {kL3, true, true}},
    {"lfm2", {kL3, true, true}},
    {"jina-v5-nano", {kL3, true, true}},
    {"dbrx", {kL3, false, false}},
    {"smaug-bpe", {kL3, false, false}},
    {"chatglm-bpe", {kL3, false, false}},
    {"glm4", {kL3, true, false}},
    {"glm5", {kL3, true, false}},
    {"qwen2", {kQ2, false, false}},
    {"deepseek-r1-qwen", {kQ2, false, false}},
    {"kormo", {kQ2, false, false}},
    {"f2llmv2", {kQ2, false, false}},
    {"stablelm2", {kQ2, false, false}},
    {"hunyuan", {kQ2, false, false}},
    {"solar-open", {kQ2, false, false}},
    {"megrez", {kQ2, false, false}},
    {"grok-2", {kQ2, false, false}},
    {"qwen35", {&family("qwen35"), false, false}},
    {"deepseek-v3", {kV3, false, false}},
    {"hunyuan-dense", {kV3, false, false}},
    {"hy_v4", {kV3, false, false}},
    {"joyai-llm", {kV3, false, false}},
    {"deepseek-llm", {&family("deepseek-llm"), false, false}},
    {"deepseek-coder", {&family("deepseek-coder"), false, false}},
    {"gpt-4o", {k4o, false, false}},
    {"llama4", {k4o, false, false}},
    {"kanana2", {k4o, false, false}},
    {"talkie", {k4o, false, false}},
    {"minimax-m2", {k4o, false, false}},
    {"tekken", {&family("tekken"), true, true}},
    {"falcon", {&family("falcon"), false, false}},
};

}  // namespace

const PreTokenizer* find_pre_tokenizer(std::string_view pre) noexcept {
  const Name* found = std::find_if(std::begin(kNames), std::end(kNames), [&](const Name& n) { return n.pre == pre; });
  return found == std::end(kNames) ? nullptr : &found->value;
}

const SplitFamily* find_split_family(std::string_view name) noexcept {
  const SplitFamily* found =
      std::find_if(std::begin(kFamilies), std::end(kFamilies), [&](const SplitFamily& f) { return f.name == name; });
  return found == std::end(kFamilies) ? nullptr : found;
}

std::string known_pre_tokenizers() {
  std::string list;
  for (const Name& name : kNames) list.append(list.empty() ? "" : ", ").append(name.pre);
  return list;
}

void split(const SplitFamily& family, const CodeText& text, std::vector<Piece>& out, std::vector<Piece>& scratch) {
  out.clear();
  if (text.size() == 0) return;
  family.passes.front()(text, {0, text.size()}, out);
  for (const SplitPass pass : family.passes.subspan(1)) {
    scratch.clear();
    for (const Piece piece : out) pass(text, piece, scratch);
    std::swap(out, scratch);
  }
}

}  // namespace zenith::models
