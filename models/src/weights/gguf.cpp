#include "zenith/models/weights/gguf.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "weights/byte_reader.hpp"
#include "weights/gguf_metadata.hpp"
#include "weights/gguf_types.hpp"
#include "weights/stored_source.hpp"

namespace zenith::models {
namespace {

constexpr std::uint64_t kMostAlignment = 1u << 20;
constexpr std::uint32_t kMostDims = 4;
constexpr std::uint64_t kMostNameBytes = 64;
constexpr std::uint64_t kSmallestTensor = 8 + 1 + 4 + 8 + 4 + 8;  // name, dimensions, one extent, type, offset

// Types that exist and are not read, so that an error can name them.
struct NamedType {
  std::uint32_t id;
  std::string_view name;
};
constexpr std::array kForeignTypes{
    NamedType{9, "Q8_1"},     NamedType{10, "Q2_K"},   NamedType{11, "Q3_K"},    NamedType{15, "Q8_K"},
    NamedType{16, "IQ2_XXS"}, NamedType{17, "IQ2_XS"}, NamedType{18, "IQ3_XXS"}, NamedType{19, "IQ1_S"},
    NamedType{20, "IQ4_NL"},  NamedType{21, "IQ3_S"},  NamedType{22, "IQ2_S"},   NamedType{23, "IQ4_XS"},
    NamedType{28, "F64"},     NamedType{29, "IQ1_M"},  NamedType{34, "TQ1_0"},   NamedType{35, "TQ2_0"},
    NamedType{39, "MXFP4"},
};

struct TensorInfo {
  TensorView view;  // without its bytes
  std::uint64_t offset = 0, bytes = 0;
};

Expected<DType> tensor_type(std::string_view tensor, std::uint32_t id) {
  for (const GgufTensorType& row : kGgufTensorTypes) {
    if (row.id == id) return row.type;
  }
  std::string known;
  for (const GgufTensorType& row : kGgufTensorTypes)
    known += fmt::format("{}{}", known.empty() ? "" : " ", dtype_info(row.type).name);
  const auto* foreign =
      std::find_if(kForeignTypes.begin(), kForeignTypes.end(), [&](const NamedType& t) { return t.id == id; });
  const std::string name =
      foreign != kForeignTypes.end() ? std::string{foreign->name} : fmt::format("{} (unknown)", id);
  return fail(Errc::unsupported, fmt::format("tensor {} has the type {}; known are {}", printable(tensor), name, known),
              std::string{tensor});
}

Expected<TensorInfo> read_tensor(ByteReader& reader, std::uint64_t number) {
  const auto cut = [&] {
    return fail(Errc::bad_file,
                fmt::format("the entry of tensor {} (of the header's list) ends past the end of the file", number + 1));
  };
  const auto length = reader.read<std::uint64_t>();
  if (!length) return cut();
  if (*length == 0 || *length > kMostNameBytes) {
    return fail(Errc::bad_file, fmt::format("the name of tensor {} has {} bytes; 1 to {} are allowed", number + 1,
                                            *length, kMostNameBytes));
  }
  const auto name = reader.text(*length);
  const auto dims = reader.read<std::uint32_t>();
  if (!name || !dims) return cut();
  if (*dims == 0 || *dims > kMostDims) {
    return fail(Errc::bad_file,
                fmt::format("tensor {} has {} dimensions; 1 to {} are allowed", printable(*name), *dims, kMostDims),
                std::string{*name});
  }
  TensorInfo info;
  info.view.name = *name;
  for (std::uint32_t i = 0; i < *dims; ++i) {
    const auto extent = reader.read<std::uint64_t>();
    if (!extent) return cut();
    if (*extent == 0)
      return fail(Errc::bad_file, fmt::format("tensor {} has a dimension of 0", printable(*name)), std::string{*name});
    info.view.shape.push_back(*extent);
  }
  std::reverse(info.view.shape.begin(), info.view.shape.end());  // the file has the innermost first
  const auto type = reader.read<std::uint32_t>();
  const auto offset = reader.read<std::uint64_t>();
  if (!type || !offset) return cut();
  auto known = tensor_type(*name, *type);
  if (!known) return tl::make_unexpected(std::move(known.error()));
  info.view.dtype = *known;
  info.offset = *offset;
  auto bytes = tensor_bytes(*name, *known, info.view.shape);
  if (!bytes) return tl::make_unexpected(std::move(bytes.error()));
  info.bytes = *bytes;
  return info;
}

Expected<std::uint64_t> alignment_of(const WeightSource& source) {
  constexpr std::string_view kKey = "general.alignment";
  auto value = meta_int(source, kKey, static_cast<std::int64_t>(kGgufAlignment));
  if (!value) return tl::make_unexpected(std::move(value.error()));
  const auto alignment = static_cast<std::uint64_t>(*value);
  if (*value < 8 || alignment > kMostAlignment || !std::has_single_bit(alignment)) {
    return fail(Errc::bad_file,
                fmt::format("key '{}' is {}; a power of two from 8 to {} is needed", kKey, *value, kMostAlignment),
                std::string{kKey});
  }
  return alignment;
}

// Places the tensors in the file: aligned, inside, apart from each other.
Status place(std::vector<TensorInfo> infos, std::span<const std::byte> bytes, std::size_t header_end,
             StoredSource& source) {
  auto alignment = alignment_of(source);
  if (!alignment) return tl::make_unexpected(std::move(alignment.error()));
  const std::uint64_t data = (header_end + *alignment - 1) / *alignment * *alignment;
  const std::uint64_t room = bytes.size() - std::min<std::uint64_t>(bytes.size(), data);
  std::vector<const TensorInfo*> order;
  for (TensorInfo& info : infos) {
    const std::string name{info.view.name};
    if (info.offset % *alignment != 0) {
      return fail(Errc::bad_file,
                  fmt::format("tensor {} lies at offset {}, which is no multiple of {}", printable(name), info.offset,
                              *alignment),
                  name);
    }
    if (info.offset > room || info.bytes > room - info.offset) {
      return fail(
          Errc::bad_file,
          fmt::format(
              "tensor {} needs {} bytes at offset {} of the data, the file has {} there: it is truncated or lies",
              printable(name), info.bytes, info.offset, room - std::min(room, info.offset)),
          name);
    }
    info.view.bytes = bytes.subspan(static_cast<std::size_t>(data + info.offset), static_cast<std::size_t>(info.bytes));
    order.push_back(&info);
  }
  std::sort(order.begin(), order.end(), [](const TensorInfo* a, const TensorInfo* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i - 1]->offset + order[i - 1]->bytes > order[i]->offset) {
      return fail(
          Errc::bad_file,
          fmt::format("tensors {} and {} overlap", printable(order[i - 1]->view.name), printable(order[i]->view.name)),
          std::string{order[i]->view.name});
    }
  }
  for (TensorInfo& info : infos) {
    const std::string name{info.view.name};
    if (!source.add_tensor(std::move(info.view)))
      return fail(Errc::bad_file, fmt::format("tensor {} occurs twice", printable(name)), name);
  }
  return {};
}

Status check_version(std::uint32_t version) {
  if (version == 2 || version == 3) return {};
  if (const std::uint32_t swapped = __builtin_bswap32(version); swapped == 2 || swapped == 3) {
    return fail(Errc::unsupported,
                fmt::format("this is a big-endian GGUF file (version {}); convert it to little-endian", swapped));
  }
  return fail(Errc::unsupported, fmt::format("GGUF version {} is not known; versions 2 and 3 are", version));
}

Expected<std::unique_ptr<StoredSource>> parse(std::span<const std::byte> bytes) {
  ByteReader reader{bytes};
  const auto magic = reader.read<std::uint32_t>();
  if (!magic || *magic != kGgufMagic)
    return fail(Errc::bad_file, "this is no GGUF file: it does not begin with \"GGUF\"");
  const auto version = reader.read<std::uint32_t>();
  if (!version)
    return fail(Errc::bad_file, fmt::format("the file ends inside its GGUF header ({} bytes)", bytes.size()));
  if (auto ok = check_version(*version); !ok) return tl::make_unexpected(std::move(ok.error()));
  const auto tensors = reader.read<std::uint64_t>();
  const auto keys = reader.read<std::uint64_t>();
  if (!tensors || !keys)
    return fail(Errc::bad_file, fmt::format("the file ends inside its GGUF header ({} bytes)", bytes.size()));

  auto source = std::make_unique<StoredSource>("gguf");
  if (auto ok = read_gguf_metadata(reader, *keys, *source); !ok) return tl::make_unexpected(std::move(ok.error()));
  if (*tensors > reader.remaining() / kSmallestTensor) {
    return fail(Errc::bad_file, fmt::format("the header claims {} tensors, for which {} bytes are left in the file",
                                            *tensors, reader.remaining()));
  }
  std::vector<TensorInfo> infos;
  infos.reserve(static_cast<std::size_t>(*tensors));
  for (std::uint64_t i = 0; i < *tensors; ++i) {
    auto info = read_tensor(reader, i);
    if (!info) return tl::make_unexpected(std::move(info.error()));
    infos.push_back(std::move(*info));
  }
  const std::size_t header = reader.position();
  if (auto ok = place(std::move(infos), bytes, header, *source); !ok) return tl::make_unexpected(std::move(ok.error()));
  source->seal(bytes.first(header), bytes.size());
  return source;
}

}  // namespace

Expected<std::unique_ptr<WeightSource>> parse_gguf(std::span<const std::byte> bytes) {
  return as_interface(parse(bytes));
}

Expected<std::unique_ptr<WeightSource>> open_gguf(const std::filesystem::path& path) {
  return as_interface(open_mapped(path, parse));
}

}  // namespace zenith::models
