// Where a model's tensors and metadata come from, whatever the file's format.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "zenith/core/dtype.hpp"
#include "zenith/core/error.hpp"
#include "zenith/core/ids.hpp"

namespace zenith::models {

/// A tensor as it lies in the file. Shape is outermost first: a matrix is [n_out, n_in]. Bytes are borrowed from the
/// source's mapping and were checked to lie inside the file and to have exactly the size that shape and dtype need. Any
/// alignment.
struct TensorView {
  std::string_view name;
  DType dtype = DType::f32;
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> bytes;
  std::uint64_t elements() const noexcept;
};

/// A metadata value. Arrays of strings and of numbers are kept whole; integers of every width become int64, floats
/// double.
using MetaValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>,
                               std::vector<std::string>>;

/// Immutable after opening; any thread.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual std::string_view format() const noexcept = 0;  ///< "gguf" or "safetensors"
  virtual const TensorView* find(std::string_view name) const noexcept = 0;
  virtual std::vector<std::string_view> tensor_names() const = 0;
  virtual const MetaValue* meta(std::string_view key) const noexcept = 0;
  virtual Generation generation() const
      noexcept = 0;  ///< XXH3 of header, size and a sample of each tensor: cheap, changes with any re-quantisation
  virtual std::uint64_t file_bytes() const noexcept = 0;
  /// Advice: these bytes of a tensor will hardly be read again, so that the system may take their memory. They stay
  /// readable, with the same content.
  virtual void release(std::span<const std::byte> /*bytes*/) const noexcept {}
  /// Model and tokenizer are made: gives back what only they needed, the lists among the metadata and the file's pages.
  /// Tensors stay readable.
  virtual void settle() noexcept {}
};

/// Typed access with errors that name the key: "key 'llama.block_count' is missing", "… is a string, an integer is
/// needed".
Expected<std::int64_t> meta_int(const WeightSource& source, std::string_view key,
                                std::optional<std::int64_t> fallback = {});
Expected<double> meta_number(const WeightSource& source, std::string_view key, std::optional<double> fallback = {});
Expected<bool> meta_bool(const WeightSource& source, std::string_view key, std::optional<bool> fallback = {});
Expected<std::string> meta_string(const WeightSource& source, std::string_view key,
                                  std::optional<std::string> fallback = {});

}  // namespace zenith::models
