// The one WeightSource: tables that a format's parser fills, over bytes that it owns or borrows.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weights/mapped_file.hpp"
#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

class StoredSource final : public WeightSource {
 public:
  explicit StoredSource(std::string_view format) noexcept : format_(format) {}

  std::string_view format() const noexcept override { return format_; }
  const TensorView* find(std::string_view name) const noexcept override;
  std::vector<std::string_view> tensor_names() const override;
  const MetaValue* meta(std::string_view key) const noexcept override;
  Generation generation() const noexcept override { return generation_; }
  std::uint64_t file_bytes() const noexcept override { return file_bytes_; }
  void release(std::span<const std::byte> bytes) const noexcept override { file_.release(bytes); }
  void settle() noexcept override;

  /// @returns false when the name (key) is there already.
  bool add_tensor(TensorView tensor);
  bool add_meta(std::string key, MetaValue value);
  const std::vector<TensorView>& tensors() const noexcept { return tensors_; }

  /// @param header the bytes before the tensors' data. @pre all tensors and metadata are in.
  void seal(std::span<const std::byte> header, std::uint64_t file_bytes);
  /// Metadata from a file beside the weights become part of the generation.
  void fold_into_generation(std::string_view bytes);
  /// A copy of `text` that lives as long as the source, for names that are not in the mapping.
  std::string_view own(std::string text) { return names_.emplace_back(std::move(text)); }
  void keep(MappedFile file) noexcept { file_ = std::move(file); }

 private:
  std::string_view format_;
  MappedFile file_;
  std::deque<std::string> names_;
  std::vector<TensorView> tensors_;  // in the file's order
  std::unordered_map<std::string_view, std::size_t> by_name_;
  std::map<std::string, MetaValue, std::less<>> meta_;
  Generation generation_;
  std::uint64_t file_bytes_ = 0;
};

/// A format's parser over the bytes of a file; the source keeps the mapping, an error begins with the file's name.
using ParseSource = Expected<std::unique_ptr<StoredSource>> (*)(std::span<const std::byte> bytes);
Expected<std::unique_ptr<StoredSource>> open_mapped(const std::filesystem::path& path, ParseSource parse);

/// The same source behind the interface.
Expected<std::unique_ptr<WeightSource>> as_interface(Expected<std::unique_ptr<StoredSource>> source);

/// A name from a file for an error message: quoted, printable, at most 80 characters.
std::string printable(std::string_view name);

/// The elements of a shape, or nothing when the product overflows or passes 2^62.
std::optional<std::uint64_t> checked_elements(std::span<const std::uint64_t> shape) noexcept;

/// The bytes that `shape` (outermost first) needs in `type`. @returns bad_file naming the tensor on overflow or when a
/// row is no multiple of the type's block.
Expected<std::uint64_t> tensor_bytes(std::string_view name, DType type, std::span<const std::uint64_t> shape);

}  // namespace zenith::models
