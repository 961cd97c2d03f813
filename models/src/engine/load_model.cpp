#include <algorithm>

#include <fmt/format.h>

#include "engine/bert_folder.hpp"
#include "weights/stored_source.hpp"
#include "zenith/models/engine/model.hpp"
#include "zenith/models/weights/gguf.hpp"

namespace zenith::models {
namespace {

constexpr std::uint64_t kMostTokenizerBytes = 64u << 20;

template <class T>
tl::unexpected<Error> pass_on(Expected<T>& failed) {
  return tl::make_unexpected(std::move(failed.error()));
}

// What the weights will take: quantised matrices are packed anew with wider scales, tables and plain types are read
// where they lie.
std::uint64_t estimate(const WeightSource& source) {
  std::uint64_t bytes = 0;
  for (const std::string_view name : source.tensor_names()) {
    const TensorView& tensor = *source.find(name);
    const bool quantised = dtype_info(tensor.dtype).elements > 1;
    bytes += quantised ? tensor.bytes.size() * 3 / 2 : tensor.bytes.size();
  }
  return bytes;
}

// The file a path means: itself, or the one .gguf in a folder.
Expected<std::filesystem::path> gguf_of(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return path;
  std::vector<std::filesystem::path> found;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".gguf") found.push_back(it->path());
  }
  if (error) return fail(Errc::io, fmt::format("cannot list '{}': {}", path.string(), error.message()), path.string());
  if (found.size() == 1) return found.front();
  return fail(
      Errc::bad_file,
      fmt::format("'{}' holds {} .gguf files and no model.safetensors; name one file", path.string(), found.size()),
      path.string());
}

Expected<std::unique_ptr<Tokenizer>> tokenizer_of(const std::filesystem::path& path, const WeightSource& source) {
  if (source.format() == "gguf") return tokenizer_from_gguf(source);
  auto text = read_text_file(path / "tokenizer.json", kMostTokenizerBytes);
  if (!text) return pass_on(text);
  return tokenizer_from_json(*text);
}

// A template that does not compile costs the model its chat, not its life.
void add_template(LoadedModel& loaded) {
  auto text = meta_string(*loaded.weights, "tokenizer.chat_template", "");
  if (!text) {
    loaded.chat_template_error = std::move(text.error());
    return;
  }
  if (text->empty()) return;
  auto compiled = ChatTemplate::compile(std::move(*text));
  if (compiled) {
    loaded.chat_template = std::move(*compiled);
  } else {
    loaded.chat_template_error = std::move(compiled.error());
  }
}

}  // namespace

Expected<LoadedModel> load_model(const std::filesystem::path& path, const LoadOptions& options, MemoryLedger& ledger) {
  std::error_code ignored;
  const bool folder = std::filesystem::exists(path / "model.safetensors", ignored);
  LoadedModel loaded;
  if (folder) {
    auto source = open_bert_folder(path);
    if (!source) return pass_on(source);
    loaded.weights = std::move(*source);
  } else {
    auto file = gguf_of(path);
    if (!file) return pass_on(file);
    auto source = open_gguf(*file);
    if (!source) return pass_on(source);
    loaded.weights = std::move(*source);
  }
  const std::string owner = "weights " + path.filename().string();
  auto memory = ledger.reserve(owner, estimate(*loaded.weights));
  if (!memory) return pass_on(memory);
  auto tokenizer = tokenizer_of(path, *loaded.weights);
  if (!tokenizer) return pass_on(tokenizer);
  loaded.tokenizer = std::move(*tokenizer);
  auto model = make_model(*loaded.weights, options);
  if (!model) return pass_on(model);
  loaded.model = std::move(*model);

  const ModelInfo& info = loaded.model->info();
  if (loaded.tokenizer->vocab_size() > info.vocab) {
    return fail(Errc::bad_file,
                fmt::format("the tokenizer has {} tokens, the model's table {} rows", loaded.tokenizer->vocab_size(),
                            info.vocab),
                "tokenizer.ggml.tokens");
  }
  add_template(loaded);
  memory->release();
  auto exact = ledger.reserve(owner, info.resident_bytes);
  if (!exact) return pass_on(exact);
  loaded.memory = std::move(*exact);
  return loaded;
}

}  // namespace zenith::models
