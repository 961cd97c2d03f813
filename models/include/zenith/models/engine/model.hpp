// A loaded model: one entry to the forward pass, whatever the architecture.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/ledger.hpp"
#include "zenith/models/engine/batch.hpp"
#include "zenith/models/template/chat_template.hpp"
#include "zenith/models/tokenizer/tokenizer.hpp"
#include "zenith/models/weights/packed_cache.hpp"

namespace zenith::models {

enum class ModelKind : std::uint8_t { generate, embed };
enum class Pooling : std::uint8_t { none, mean, cls, last };

struct ModelInfo {
  std::string architecture;  ///< "llama"
  std::string name;          ///< general.name or the file's name
  std::string license;       ///< empty when the file says none
  ModelKind kind = ModelKind::generate;
  Pooling pooling = Pooling::none;  ///< of an embedding model; results are L2-normalised
  std::size_t layers = 0, d_model = 0, vocab = 0, context = 0;
  KvShape kv;  ///< dtype f32 in `exact`, f16 in `fast`
  Generation generation;
  std::uint64_t weight_bytes = 0;  ///< of the file
  std::uint64_t parameters = 0;
  std::uint64_t resident_bytes =
      0;  ///< memory that the weights take once loaded: packed copies and what is read from the file
};

/// Weights and graph. Immutable after loading but for its workspace: one run at a time.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const noexcept = 0;

  /// Runs the batch to its end or to the next remote expert. @returns invalid_argument naming the row for a token out
  /// of range, a slot beyond its table or a position beyond the context; internal for NaN in wanted logits, naming the
  /// row.
  virtual Expected<Step> run(kernels::Exec& ex, Batch& batch) = 0;
};

class PackedTensors;

struct LoadOptions {
  kernels::Numerics numerics = kernels::Numerics::fast;
  std::size_t context = 0;           ///< 0: the model's own
  PackedCache packed;                ///< load_model's; by default weights are packed at each start
  PackedTensors* tensors = nullptr;  ///< private to models/: where a graph's matrices come packed from
};

/// Everything that belongs to one model file.
struct LoadedModel {
  std::unique_ptr<WeightSource> weights;  ///< outlives `model`, which borrows from its mapping
  std::unique_ptr<Model> model;
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat_template;  ///< absent: chat is refused, completion works
  std::optional<Error> chat_template_error;   ///< why it is absent although the file has one: chat is refused with this
  Reservation memory;
};

/// Weights and graph without tokenizer and template. `source` must outlive the model.
/// @returns unsupported naming the architecture and the known ones, or what of the file no graph of ours serves;
/// bad_file naming key or tensor, with what is needed and what is there.
Expected<std::unique_ptr<Model>> make_model(const WeightSource& source, const LoadOptions& options);

/// Opens a .gguf file, or a minilm-l6 directory or zip-extracted folder (model.safetensors, config.json,
/// tokenizer.json).
/// @returns bad_file, unsupported (architecture or type, named, with the list of known ones), out_of_memory (before
/// loading).
Expected<LoadedModel> load_model(const std::filesystem::path& path, const LoadOptions& options, MemoryLedger& ledger);

/// The architectures that can be loaded: "llama", "qwen2" …
std::vector<std::string> known_architectures();

}  // namespace zenith::models
