#include "table.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bytes.hpp"

namespace zenith::wire {
namespace {

// A type's number on the wire is its place in DType: neither may move.
static_assert(static_cast<int>(DType::f32) == 0 && static_cast<int>(DType::f16) == 1 &&
              static_cast<int>(DType::bf16) == 2 && static_cast<int>(DType::i8) == 3 &&
              static_cast<int>(DType::i16) == 4 && static_cast<int>(DType::i32) == 5 &&
              static_cast<int>(DType::i64) == 6 && static_cast<int>(DType::q4_0) == 7 &&
              static_cast<int>(DType::q4_1) == 8 && static_cast<int>(DType::q5_0) == 9 &&
              static_cast<int>(DType::q5_1) == 10 && static_cast<int>(DType::q8_0) == 11 &&
              static_cast<int>(DType::q4_k) == 12 && static_cast<int>(DType::q5_k) == 13 &&
              static_cast<int>(DType::q6_k) == 14 && static_cast<int>(DType::u8) == 15);
constexpr std::uint8_t kLastType = static_cast<std::uint8_t>(DType::u8);

constexpr std::size_t kAtDims = 4, kAtZero = 20, kAtOffset = 24;

}  // namespace

void put_row(const Row& row, std::byte* to) noexcept {
  put(to, row.type);
  put(to + 1, row.rank);
  put(to + 2, row.frame);
  put(to + 3, row.flags);
  put(to + kAtDims, row.dims);
  put(to + kAtZero, std::uint32_t{0});
  put(to + kAtOffset, row.offset);
}

std::optional<Row> get_row(const std::byte* from) noexcept {
  if (get<std::uint32_t>(from + kAtZero) != 0) return std::nullopt;
  Row row;
  row.type = get<std::uint8_t>(from);
  row.rank = get<std::uint8_t>(from + 1);
  row.frame = get<std::uint8_t>(from + 2);
  row.flags = get<std::uint8_t>(from + 3);
  row.dims = get<decltype(row.dims)>(from + kAtDims);
  row.offset = get<std::uint64_t>(from + kAtOffset);
  return row;
}

std::optional<std::uint64_t> shape_bytes(std::uint8_t type, std::uint8_t rank,
                                         const std::array<std::uint32_t, 4>& dims) noexcept {
  if ((type > kLastType && type != kBodyType) || rank > dims.size()) return std::nullopt;
  if (type == kBodyType && rank != 1) return std::nullopt;
  const DTypeInfo block = type == kBodyType ? DTypeInfo{"body", 1, 1} : dtype_info(DType{type});
  if (block.elements != 1 && (rank == 0 || dims[rank - 1u] % block.elements != 0)) return std::nullopt;
  bool none = false;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i >= rank && dims[i] != 0) return std::nullopt;
    none = none || (i < rank && dims[i] == 0);
  }
  if (none) return 0;
  // Never above 2^30 · 2^32 before it is compared.
  std::uint64_t blocks = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    blocks *= i + 1 == rank ? dims[i] / block.elements : dims[i];
    if (blocks > kMaxMessageBytes) return std::nullopt;
  }
  const std::uint64_t bytes = blocks * block.bytes;
  return bytes > kMaxMessageBytes ? std::nullopt : std::optional{bytes};
}

void put_shared(const SharedRef& ref, std::byte* to) noexcept {
  put(to, ref.segment);
  put(to + 8, ref.slot);
  put(to + 12, ref.generation);
  put(to + 16, ref.offset);
  put(to + 24, ref.bytes);
}

SharedRef get_shared(const std::byte* from) noexcept {
  return {get<std::uint64_t>(from), get<std::uint32_t>(from + 8), get<std::uint32_t>(from + 12),
          get<std::uint64_t>(from + 16), get<std::uint64_t>(from + 24)};
}

std::uint64_t hash_payload(std::span<const std::byte> rest_of_first, std::span<const Buffer> others) noexcept {
  if (others.empty()) return XXH3_64bits(rest_of_first.data(), rest_of_first.size());
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, rest_of_first.data(), rest_of_first.size());
  for (const Buffer& frame : others) {
    if (!frame.empty()) XXH3_64bits_update(&state, frame.data(), frame.size());
  }
  return XXH3_64bits_digest(&state);
}

}  // namespace zenith::wire
