#include <algorithm>
#include <future>

#include <malloc.h>

#include <fmt/format.h>

#include "engine/bert_folder.hpp"
#include "weights/packed_tensors.hpp"
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

// Bytes that 32 elements take once packed (kernels/src/int_dot.hpp): wider types keep wider scales. 0: read where it
// lies.
std::uint64_t packed_bytes(DType type) {
  switch (type) {
    case DType::q4_0: return 18;
    case DType::q4_1: return 20;
    case DType::q4_k: return 24;
    case DType::q5_0:
    case DType::q8_0: return 34;
    case DType::q5_1: return 36;
    case DType::q5_k:
    case DType::q6_k: return 40;
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64:
    case DType::u8: break;
  }
  return 0;
}

// What the weights will take at most, before anything is packed: a token table is read in the file where the output has
// a matrix of its own, `exact` reads all of it there, short vectors become F32, groups of rows are padded.
std::uint64_t estimate(const WeightSource& source, kernels::Numerics numerics) {
  const bool exact = numerics == kernels::Numerics::exact, tied = source.find("output.weight") == nullptr;
  std::uint64_t bytes = 0;
  for (const std::string_view name : source.tensor_names()) {
    const TensorView& tensor = *source.find(name);
    const std::uint64_t packed = tensor.elements() / 32 * packed_bytes(tensor.dtype);
    if (packed == 0 || exact || (!tied && name == "token_embd.weight")) bytes += tensor.bytes.size();
    bytes += packed + (tensor.shape.size() < 2 ? tensor.elements() * sizeof(float) : 0);
  }
  return bytes + bytes / 32;
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

// Packed in memory, or read from the cache, which gets what it lacks.
Expected<std::unique_ptr<Model>> model_of(const std::filesystem::path& path, const WeightSource& source,
                                          LoadOptions options) {
  PackedTensors tensors;
  if (source.format() == "gguf" && !options.packed.folder.empty()) tensors = {options.packed, path, source};
  options.tensors = &tensors;
  auto model = make_model(source, options);
  if (model) tensors.keep();
  return model;
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
  std::filesystem::path at = path;
  if (folder) {
    auto source = open_bert_folder(path);
    if (!source) return pass_on(source);
    loaded.weights = std::move(*source);
  } else {
    auto file = gguf_of(path);
    if (!file) return pass_on(file);
    at = *file;
    auto source = open_gguf(*file);
    if (!source) return pass_on(source);
    loaded.weights = std::move(*source);
  }
  const std::string owner = "weights " + path.filename().string();
  auto memory = ledger.reserve(owner, estimate(*loaded.weights, options.numerics));
  if (!memory) return pass_on(memory);
  // Beside the weights: both take long, and neither needs the other.
  auto tokenizing = std::async(std::launch::async, [&] { return tokenizer_of(path, *loaded.weights); });
  auto model = model_of(at, *loaded.weights, options);
  auto tokenizer = tokenizing.get();
  if (!tokenizer) return pass_on(tokenizer);
  if (!model) return pass_on(model);
  loaded.tokenizer = std::move(*tokenizer);
  loaded.model = std::move(*model);

  const ModelInfo& info = loaded.model->info();
  if (loaded.tokenizer->vocab_size() > info.vocab) {
    return fail(Errc::bad_file,
                fmt::format("the tokenizer has {} tokens, the model's table {} rows", loaded.tokenizer->vocab_size(),
                            info.vocab),
                "tokenizer.ggml.tokens");
  }
  add_template(loaded);
  loaded.weights->settle();
  (void)malloc_trim(0);  // what loading used and no longer does goes back to the system
  memory->release();
  auto exact = ledger.reserve(owner, info.resident_bytes);
  if (!exact) return pass_on(exact);
  loaded.memory = std::move(*exact);
  return loaded;
}

}  // namespace zenith::models
