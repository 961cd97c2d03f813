#include "zenith/models/weights/safetensors.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "weights/byte_reader.hpp"
#include "weights/safetensors_header.hpp"
#include "weights/stored_source.hpp"

namespace zenith::models {
namespace {

constexpr std::uint64_t kMostHeaderBytes = 100'000'000;  // the format's own limit

struct TypeRow {
  std::string_view name;
  DType type;
};
constexpr std::array kTypes{TypeRow{"F32", DType::f32}, TypeRow{"F16", DType::f16}, TypeRow{"BF16", DType::bf16},
                            TypeRow{"I64", DType::i64}, TypeRow{"I32", DType::i32}};

Expected<TensorView> resolve(const SafetensorsEntry& entry, std::span<const std::byte> data) {
  const auto refuse = [&](std::string what) {
    return fail(Errc::bad_file, fmt::format("tensor {} {}", printable(entry.name), what), entry.name);
  };
  const auto* type =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow& row) { return row.name == entry.dtype; });
  if (type == kTypes.end()) {
    return fail(Errc::unsupported,
                fmt::format("tensor {} has the type {}; known are F32 F16 BF16 I64 I32", printable(entry.name),
                            printable(entry.dtype)),
                entry.name);
  }
  auto bytes = tensor_bytes(entry.name, type->type, entry.shape);
  if (!bytes) return tl::make_unexpected(std::move(bytes.error()));
  if (entry.begin > entry.end || entry.end > data.size()) {
    return refuse(fmt::format("lies at [{}, {}), the file has {} bytes of data: it is truncated or lies", entry.begin,
                              entry.end, data.size()));
  }
  if (entry.end - entry.begin != *bytes)
    return refuse(fmt::format("needs {} bytes, its offsets give {}", *bytes, entry.end - entry.begin));
  return TensorView{{},
                    type->type,
                    entry.shape,
                    data.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(*bytes))};
}

// The format allows neither holes nor overlaps.
Status check_layout(const std::vector<SafetensorsEntry>& entries, std::uint64_t data_bytes) {
  std::vector<const SafetensorsEntry*> order;
  for (const SafetensorsEntry& entry : entries) order.push_back(&entry);
  std::ranges::sort(order, {}, [](const SafetensorsEntry* e) { return std::pair{e->begin, e->end}; });
  std::uint64_t at = 0;
  for (const SafetensorsEntry* entry : order) {
    if (entry->begin != at)
      return fail(
          Errc::bad_file,
          fmt::format("tensor {} begins at {}, the one before it ends at {}", printable(entry->name), entry->begin, at),
          entry->name);
    at = entry->end;
  }
  if (at != data_bytes)
    return fail(Errc::bad_file, fmt::format("the tensors end at {}, the file's data at {}", at, data_bytes));
  return {};
}

Expected<std::unique_ptr<StoredSource>> parse(std::span<const std::byte> bytes) {
  ByteReader reader{bytes};
  const auto length = reader.read<std::uint64_t>();
  const auto header = length && *length <= kMostHeaderBytes ? reader.text(*length) : std::nullopt;
  if (!header) {
    return fail(Errc::bad_file,
                fmt::format("this is no safetensors file: its header would have {} bytes, the file has {}",
                            length.value_or(0), bytes.size()));
  }
  auto source = std::make_unique<StoredSource>("safetensors");
  auto parsed = parse_safetensors_header(*header);
  if (!parsed) return tl::make_unexpected(std::move(parsed.error()));
  const auto data = bytes.subspan(reader.position());
  // The views' names must not move once handed out: they live in the source.
  for (SafetensorsEntry& entry : parsed->tensors) {
    auto view = resolve(entry, data);
    if (!view) return tl::make_unexpected(std::move(view.error()));
    view->name = source->own(entry.name);
    if (!source->add_tensor(std::move(*view)))
      return fail(Errc::bad_file, fmt::format("tensor {} occurs twice", printable(entry.name)), entry.name);
  }
  if (auto ok = check_layout(parsed->tensors, data.size()); !ok) return tl::make_unexpected(std::move(ok.error()));
  for (auto& [key, value] : parsed->metadata) {
    if (!source->add_meta(key, std::move(value)))
      return fail(Errc::bad_file, fmt::format("key {} of __metadata__ occurs twice", printable(key)), key);
  }
  source->seal(bytes.first(reader.position()), bytes.size());
  return source;
}

}  // namespace

Expected<std::unique_ptr<WeightSource>> parse_safetensors(std::span<const std::byte> bytes) {
  return as_interface(parse(bytes));
}

Expected<std::unique_ptr<StoredSource>> open_safetensors_source(const std::filesystem::path& path) {
  return open_mapped(path, parse);
}

Expected<std::unique_ptr<WeightSource>> open_safetensors(const std::filesystem::path& path) {
  return as_interface(open_safetensors_source(path));
}

}  // namespace zenith::models
