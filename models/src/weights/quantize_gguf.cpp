#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "weights/gguf_metadata.hpp"
#include "weights/gguf_types.hpp"
#include "weights/mapped_file.hpp"
#include "zenith/kernels/dequantize.hpp"
#include "zenith/kernels/quantize_row.hpp"
#include "zenith/models/weights/gguf.hpp"
#include "zenith/models/weights/quantize.hpp"

namespace zenith::models {
namespace {

constexpr std::size_t kPieceElements = 1u << 20, kPieceBytes = 4u << 20;
constexpr std::uint32_t kVersion = 3, kU32 = 4, kQuantizationVersion = 2;
constexpr std::string_view kFileType = "general.file_type", kQuantization = "general.quantization_version";

// general.file_type as llama.cpp numbers it: what most tensors are.
std::uint32_t file_type(DType type) {
  switch (type) {
    case DType::f16: return 1;
    case DType::q4_0: return 2;
    case DType::q4_1: return 3;
    case DType::q8_0: return 7;
    case DType::q5_0: return 8;
    case DType::q5_1: return 9;
    case DType::q4_k: return 14;  // "small": no layer has a finer type than the others
    case DType::q5_k: return 16;
    case DType::q6_k: return 18;
    case DType::bf16: return 32;
    case DType::f32:
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64:
    case DType::u8: break;
  }
  return 0;
}

std::uint32_t type_id(DType type) { return std::ranges::find(kGgufTensorTypes, type, &GgufTensorType::type)->id; }

class Header {
 public:
  template <class T>
  void put(T value) {
    append(std::as_bytes(std::span{&value, 1}));
  }
  void text(std::string_view text) {
    put<std::uint64_t>(text.size());
    append(std::as_bytes(std::span{text}));
  }
  void append(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void pad(std::uint64_t alignment) { bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment); }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Where the file's bytes go, and how many went.
class Output {
 public:
  Output(const WriteBytes& write, const OnWritten& progress) : write_(write), progress_(progress) {}

  Status put(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(bytes.size(), kPieceBytes));
      if (auto ok = write_(piece); !ok) return ok;
      bytes = bytes.subspan(piece.size());
      written_ += piece.size();
      if (progress_ && !progress_(written_)) return fail(Errc::cancelled, "stopped before the whole file was written");
    }
    return {};
  }
  Status pad(std::uint64_t alignment) {
    const std::vector<std::byte> zeros((alignment - written_ % alignment) % alignment);
    return put(zeros);
  }
  std::uint64_t written() const noexcept { return written_; }

 private:
  const WriteBytes& write_;
  const OnWritten& progress_;
  std::uint64_t written_ = 0;
};

struct Misses {
  double squared = 0, squares = 0;  ///< of the errors; of the weights
};

struct RowResult {
  Status ok;
  Misses misses;
};

/// One row, and how far its blocks are from it.
RowResult convert_row(const TensorPlan& tensor, std::span<const std::byte> from, std::span<float> values,
                      std::span<float> back, std::span<std::byte> to) {
  RowResult out;
  if (out.ok = kernels::dequantize_row(tensor.from.dtype, from, values); !out.ok) return out;
  if (out.ok = kernels::quantize_row(tensor.to, values, to); !out.ok) return out;
  if (out.ok = kernels::dequantize_row(tensor.to, to, back); !out.ok) return out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double miss = static_cast<double>(back[i]) - static_cast<double>(values[i]);
    out.misses.squared += miss * miss;
    out.misses.squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  }
  return out;
}

Status write_converted(const TensorPlan& tensor, kernels::ThreadPool& pool, Output& output, Misses& misses) {
  const std::size_t columns = tensor.from.shape.back(), rows = tensor.from.elements() / columns;
  const std::size_t in = row_bytes(tensor.from.dtype, columns), out = row_bytes(tensor.to, columns);
  const std::size_t most = std::min(rows, std::max<std::size_t>(1, kPieceElements / columns));
  std::vector<float> values(most * columns), back(most * columns);
  std::vector<std::byte> bytes(most * out);
  std::vector<RowResult> results(most);
  for (std::size_t first = 0; first < rows; first += most) {
    const std::size_t count = std::min(most, rows - first);
    pool.for_range(count, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin; r < end; ++r) {
        results[r] = convert_row(tensor, tensor.from.bytes.subspan((first + r) * in, in),
                                 std::span{values}.subspan(r * columns, columns),
                                 std::span{back}.subspan(r * columns, columns), std::span{bytes}.subspan(r * out, out));
      }
    });
    for (std::size_t r = 0; r < count; ++r) {
      if (!results[r].ok) {
        return fail(
            results[r].ok.error().code,
            fmt::format("tensor {}, row {}: {}", printable(tensor.from.name), first + r, results[r].ok.error().message),
            std::string{tensor.from.name});
      }
      misses.squared += results[r].misses.squared;
      misses.squares += results[r].misses.squares;
    }
    if (auto ok = output.put(std::span{bytes}.first(count * out)); !ok) return ok;
  }
  return {};
}

}  // namespace

struct GgufQuantizer::Impl {
  MappedFile file;
  std::unique_ptr<WeightSource> source;  // borrows from file
  QuantizeOptions options;
  std::vector<TensorPlan> tensors;
  std::vector<std::byte> header;  // padded
  std::uint64_t alignment = kGgufAlignment, bytes = 0;

  std::uint64_t tensor_bytes(const TensorPlan& tensor) const {
    const std::uint64_t columns = tensor.from.shape.back();
    return tensor.from.elements() / columns * row_bytes(tensor.to, columns);
  }
  Status make_header();
};

Status GgufQuantizer::Impl::make_header() {
  ByteReader reader{file.bytes()};
  reader.text(16);  // magic, version, tensors: the source has read them
  const auto keys = reader.read<std::uint64_t>();
  StoredSource scratch{"gguf"};
  std::vector<GgufEntry> entries;
  if (auto ok = read_gguf_metadata(reader, keys.value_or(0), scratch, &entries); !ok) return ok;
  std::erase_if(entries, [](const GgufEntry& e) { return e.key == kFileType || e.key == kQuantization; });

  Header out;
  out.put(kGgufMagic);
  out.put(kVersion);
  out.put<std::uint64_t>(tensors.size());
  out.put<std::uint64_t>(entries.size() + 2);
  for (const GgufEntry& entry : entries) out.append(entry.bytes);
  for (const auto& [key, value] :
       {std::pair{kFileType, file_type(options.type)}, {kQuantization, kQuantizationVersion}}) {
    out.text(key);
    out.put(kU32);
    out.put(value);
  }
  std::uint64_t at = 0;
  for (const TensorPlan& tensor : tensors) {
    out.text(tensor.from.name);
    out.put(static_cast<std::uint32_t>(tensor.from.shape.size()));
    for (auto extent = tensor.from.shape.rbegin(); extent != tensor.from.shape.rend(); ++extent) out.put(*extent);
    out.put(type_id(tensor.to));
    out.put(at);
    at += (tensor_bytes(tensor) + alignment - 1) / alignment * alignment;
  }
  out.pad(alignment);
  header = out.take();
  bytes = header.size() + at;
  return {};
}

Expected<GgufQuantizer> GgufQuantizer::open(const std::filesystem::path& path, const QuantizeOptions& options) {
  auto impl = std::make_unique<Impl>();
  const auto named = [&](Error error) {
    error.message = path.string() + ": " + error.message;
    return tl::make_unexpected(std::move(error));
  };
  auto file = MappedFile::open(path);
  if (!file) return tl::make_unexpected(std::move(file.error()));
  impl->file = std::move(*file);
  auto source = parse_gguf(impl->file.bytes());
  if (!source) return named(std::move(source.error()));
  impl->source = std::move(*source);
  const auto parts = meta_int(*impl->source, "split.count", 1);
  if (parts && *parts > 1) {
    return fail(Errc::unsupported,
                fmt::format("{} is one of {} parts of a model: join them first", path.string(), *parts), "in");
  }
  const auto alignment = meta_int(*impl->source, "general.alignment", static_cast<std::int64_t>(kGgufAlignment));
  if (!alignment) return named(alignment.error());
  impl->alignment = static_cast<std::uint64_t>(*alignment);
  impl->options = options;
  auto plan = plan_quantization(*impl->source, options);
  if (!plan) return named(std::move(plan.error()));
  impl->tensors = std::move(*plan);
  if (auto ok = impl->make_header(); !ok) return named(std::move(ok.error()));
  return GgufQuantizer{std::move(impl)};
}

GgufQuantizer::GgufQuantizer(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
GgufQuantizer::GgufQuantizer(GgufQuantizer&&) noexcept = default;
GgufQuantizer::~GgufQuantizer() = default;

std::span<const TensorPlan> GgufQuantizer::tensors() const noexcept { return impl_->tensors; }
std::uint64_t GgufQuantizer::bytes() const noexcept { return impl_->bytes; }

Expected<QuantizeResult> GgufQuantizer::write(kernels::ThreadPool& pool, const WriteBytes& write,
                                              const OnWritten& progress) const {
  Output output{write, progress};
  Misses misses;
  QuantizeResult result;
  if (auto ok = output.put(impl_->header); !ok) return tl::make_unexpected(std::move(ok.error()));
  for (const TensorPlan& tensor : impl_->tensors) {
    Status ok =
        tensor.to == tensor.from.dtype ? output.put(tensor.from.bytes) : write_converted(tensor, pool, output, misses);
    if (ok) ok = output.pad(impl_->alignment);
    if (!ok) return tl::make_unexpected(std::move(ok.error()));
    result.weights += tensor.from.elements();
  }
  result.bytes = output.written();
  if (misses.squares > 0) result.relative_rms_error = std::sqrt(misses.squared / misses.squares);
  return result;
}

}  // namespace zenith::models
