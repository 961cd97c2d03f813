// tokenizer_from_gguf: which tokenizer a file's metadata asks for.
#include "tokenizer/byte_bpe.hpp"
#include "tokenizer/gguf_keys.hpp"

namespace zenith::models {
namespace {

constexpr std::string_view kModelKey = "tokenizer.ggml.model", kPreKey = "tokenizer.ggml.pre";
constexpr std::string_view kAddBosKey = "tokenizer.ggml.add_bos_token", kAddEosKey = "tokenizer.ggml.add_eos_token";

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
  ByteBpeOptions options{*pre, pre->adds_bos, false};
  const auto add_bos = meta_bool(source, kAddBosKey, options.add_bos);
  if (!add_bos) return tl::make_unexpected(add_bos.error());
  const auto add_eos = meta_bool(source, kAddEosKey, false);
  if (!add_eos) return tl::make_unexpected(add_eos.error());
  options.add_bos = *add_bos;
  options.add_eos = *add_eos;

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

}  // namespace

Expected<std::unique_ptr<Tokenizer>> tokenizer_from_gguf(const WeightSource& source) {
  const auto model = meta_string(source, kModelKey);
  if (!model) return tl::make_unexpected(model.error());
  if (*model == "gpt2") return byte_bpe_from_gguf(source);
  return fail(Errc::unsupported, "key '" + std::string{kModelKey} + "' is '" + *model + "', known are gpt2",
              std::string{kModelKey});
}

}  // namespace zenith::models
