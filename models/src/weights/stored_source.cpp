#include "weights/stored_source.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

namespace zenith::models {
namespace {

constexpr std::uint64_t kMostStats = std::uint64_t{1} << 62;
constexpr std::size_t kSampleBytes = 64;  // of each tensor, from its middle, in the generation

std::uint64_t mix(std::uint64_t seed, std::span<const std::byte> bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace

const TensorView* StoredSource::find(std::string_view name) const noexcept {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &tensors_[it->second];
}

std::vector<std::string_view> StoredSource::tensor_names() const {
  std::vector<std::string_view> names;
  names.reserve(tensors_.size());
  for (const TensorView& tensor : tensors_) names.push_back(tensor.name);
  return names;
}

const MetaValue* StoredSource::meta(std::string_view key) const noexcept {
  const auto it = meta_.find(key);
  return it == meta_.end() ? nullptr : &it->second;
}

bool StoredSource::add_tensor(TensorView tensor) {
  if (!by_name_.emplace(tensor.name, tensors_.size()).second) return false;
  tensors_.push_back(std::move(tensor));
  return true;
}

bool StoredSource::add_meta(std::string key, MetaValue value) {
  return meta_.emplace(std::move(key), std::move(value)).second;
}

// The header alone would be equal for two trainings of one architecture, hence the samples.
void StoredSource::seal(std::span<const std::byte> header, std::uint64_t file_bytes) {
  file_bytes_ = file_bytes;
  std::uint64_t hash = mix(file_bytes, header);
  for (const TensorView& tensor : tensors_) {
    const std::size_t count = std::min(kSampleBytes, tensor.bytes.size());
    hash = mix(hash, tensor.bytes.subspan((tensor.bytes.size() - count) / 2, count));
  }
  generation_ = Generation{hash};
}

void StoredSource::settle() noexcept {
  std::erase_if(meta_, [](const auto& entry) {
    return !std::visit([]<class T>(const T&) { return std::is_arithmetic_v<T> || std::is_same_v<T, std::string>; },
                       entry.second);
  });
  file_.release(file_.bytes());
}

void StoredSource::fold_into_generation(std::string_view bytes) {
  generation_ = Generation{mix(generation_.value, std::as_bytes(std::span{bytes}))};
}

std::string printable(std::string_view name) {
  constexpr std::size_t kMost = 80;
  std::string out = "'";
  for (const char c : name.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + (name.size() > kMost ? "…'" : "'");
}

std::optional<std::uint64_t> checked_elements(std::span<const std::uint64_t> shape) noexcept {
  std::uint64_t elements = 1;
  for (const std::uint64_t extent : shape) {
    if (extent != 0 && elements > kMostStats / extent) return std::nullopt;
    elements *= extent;
  }
  return elements;
}

Expected<std::uint64_t> tensor_bytes(std::string_view name, DType type, std::span<const std::uint64_t> shape) {
  const DTypeInfo info = dtype_info(type);
  const auto elements = checked_elements(shape);
  // bytes <= 4 * elements for blocks and 8 * elements for I64.
  if (!elements || *elements > kMostStats / 8) {
    return fail(
        Errc::bad_file,
        fmt::format("tensor {} has the shape [{}], too large for any file", printable(name), fmt::join(shape, ", ")),
        std::string{name});
  }
  const std::uint64_t row = shape.empty() ? 1 : shape.back();
  if (row % info.elements != 0) {
    return fail(Errc::bad_file,
                fmt::format("tensor {} of type {} has rows of {} elements, which is no multiple of {}", printable(name),
                            info.name, row, info.elements),
                std::string{name});
  }
  return *elements / info.elements * info.bytes;
}

Expected<std::unique_ptr<StoredSource>> open_mapped(const std::filesystem::path& path, ParseSource parse) {
  auto file = MappedFile::open(path);
  if (!file) return tl::make_unexpected(std::move(file.error()));
  auto source = parse(file->bytes());
  if (!source) {
    source.error().message = fmt::format("{}: {}", path.filename().string(), source.error().message);
    return tl::make_unexpected(std::move(source.error()));
  }
  (*source)->keep(std::move(*file));
  return source;
}

Expected<std::unique_ptr<WeightSource>> as_interface(Expected<std::unique_ptr<StoredSource>> source) {
  if (!source) return tl::make_unexpected(std::move(source.error()));
  return std::unique_ptr<WeightSource>{std::move(*source)};
}

}  // namespace zenith::models
