// tokenizer_from_gguf: which tokenizer a file's metadata asks for.
#include "tokenizer/byte_bpe.hpp"
#include "tokenizer/gguf_keys.hpp"
#include "tokenizer/spm.hpp"
#include "tokenizer/wordpiece.hpp"

namespace zenith::models {
namespace {

constexpr std::string_view kModelKey = "tokenizer.ggml.model", kPreKey = "tokenizer.ggml.pre";
constexpr std::string_view kAddBosKey = "tokenizer.ggml.add_bos_token", kAddEosKey = "tokenizer.ggml.add_eos_token";

struct BoolKey {
  std::string_view key;
  bool fallback;
};

Expected<std::vector<bool>> bool_keys(const WeightSource& source, std::initializer_list<BoolKey> keys) {
  std::vector<bool> values;
  for (const auto& [key, fallback] : keys) {
    const auto value = meta_bool(source, key, fallback);
    if (!value) return tl::make_unexpected(value.error());
    values.push_back(*value);
  }
  return values;
}

Expected<std::unique_ptr<Tokenizer>> byte_bpe_from_gguf(const WeightSource& source) {
  // As llama.cpp does, a file without the key gets the splitter that was in use before the key existed.
  const auto pre_name = meta_string(source, kPreKey, "default");
  if (!pre_name) return tl::make_unexpected(pre_name.error());
  const PreTokenizer* pre = find_pre_tokenizer(*pre_name);
  if (pre == nullptr) {
    return fail(Errc::unsupported,
                "key '" + std::string{kPreKey} + "' is '" + *pre_name + "', known are " + known_pre_tokenizers(),
                std::string{kPreKey});
  }
  const auto flags = bool_keys(source, {{kAddBosKey, pre->adds_bos}, {kAddEosKey, false}});
  if (!flags) return tl::make_unexpected(flags.error());
  const ByteBpeOptions options{*pre, (*flags)[0], (*flags)[1]};

  auto vocabulary = vocabulary_from_gguf(source, {});
  if (!vocabulary) return tl::make_unexpected(std::move(vocabulary.error()));
  const auto lines = string_array(source, kMergesKey);
  if (!lines) return tl::make_unexpected(lines.error());
  std::vector<MergeRule> merges;
  merges.reserve((*lines)->size());
  for (const std::string& line : **lines) {
    const std::size_t space = line.find(' ', 1);
    if (space == std::string::npos || space + 1 == line.size()) {
      return fail(Errc::bad_file,
                  "key '" + std::string{kMergesKey} + "': merge " + std::to_string(merges.size()) +
                      " is not two tokens with a space between",
                  std::string{kMergesKey});
    }
    merges.push_back({std::string_view{line}.substr(0, space), std::string_view{line}.substr(space + 1)});
  }
  return ByteBpeTokenizer::make(*std::move(vocabulary), merges, options, kMergesKey);
}

Expected<std::unique_ptr<Tokenizer>> spm_from_gguf(const WeightSource& source) {
  const auto flags =
      bool_keys(source, {{kAddBosKey, true}, {kAddEosKey, false}, {"tokenizer.ggml.add_space_prefix", true}});
  if (!flags) return tl::make_unexpected(flags.error());
  auto vocabulary = vocabulary_from_gguf(source, {.bos = 1, .eos = 2, .unknown = 0});
  if (!vocabulary) return tl::make_unexpected(std::move(vocabulary.error()));
  const auto numbers = number_array(source, kScoresKey, vocabulary->size());
  if (!numbers) return tl::make_unexpected(numbers.error());
  if (numbers->empty())
    return fail(Errc::bad_file, "key '" + std::string{kScoresKey} + "' is missing", std::string{kScoresKey});
  std::vector<float> scores;
  scores.reserve(numbers->size());
  for (const double score : *numbers) {
    if (score != score)
      return fail(Errc::bad_file, "key '" + std::string{kScoresKey} + "' holds a NaN", std::string{kScoresKey});
    scores.push_back(static_cast<float>(score));
  }
  return SpmTokenizer::make(*std::move(vocabulary), std::move(scores), {(*flags)[0], (*flags)[1], (*flags)[2]});
}

Expected<std::unique_ptr<Tokenizer>> wordpiece_from_gguf(const WeightSource& source) {
  const auto lowercase = meta_bool(source, "tokenizer.ggml.normalizer.lowercase", true);
  if (!lowercase) return tl::make_unexpected(lowercase.error());
  const auto strip = meta_bool(source, "tokenizer.ggml.normalizer.strip_accents", *lowercase);
  if (!strip) return tl::make_unexpected(strip.error());
  auto vocabulary =
      vocabulary_from_gguf(source, {.bos = 101, .unknown = 100, .separator = 102});  // of the original BERT
  if (!vocabulary) return tl::make_unexpected(std::move(vocabulary.error()));
  WordPieceOptions options;
  options.lowercase = *lowercase;
  options.strip_accents = *strip;
  options.spelling = WordPieceOptions::Spelling::underline;
  return WordPieceTokenizer::make(*std::move(vocabulary), options, kTokensKey);
}

}  // namespace

Expected<std::unique_ptr<Tokenizer>> tokenizer_from_gguf(const WeightSource& source) {
  const auto model = meta_string(source, kModelKey);
  if (!model) return tl::make_unexpected(model.error());
  if (*model == "gpt2") return byte_bpe_from_gguf(source);
  if (*model == "llama") return spm_from_gguf(source);
  if (*model == "bert") return wordpiece_from_gguf(source);
  return fail(Errc::unsupported,
              "key '" + std::string{kModelKey} + "' is '" + *model + "', known are gpt2, llama, bert",
              std::string{kModelKey});
}

}  // namespace zenith::models
