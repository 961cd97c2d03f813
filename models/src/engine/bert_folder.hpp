// A Hugging Face folder of an embedding model as one weight source.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

/// model.safetensors with metadata from config.json (model_type "bert" only) and 1_Pooling/config.json (mean where it
/// is absent), under the keys that a GGUF file would have.
/// @returns io, bad_file naming file and field, unsupported naming model type, activation, positions or pooling.
Expected<std::unique_ptr<WeightSource>> open_bert_folder(const std::filesystem::path& folder);

/// A whole file as text. @returns io; bad_file when it is larger than `most`.
Expected<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t most);

}  // namespace zenith::models
