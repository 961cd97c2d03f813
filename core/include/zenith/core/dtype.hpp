// Element types of tensors: plain ones, and the block-quantised ones of GGUF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace zenith {

enum class DType : std::uint8_t {
  f32,
  f16,
  bf16,
  i8,
  i16,
  i32,
  i64,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q4_k,
  q5_k,
  q6_k,
  u8
};

struct DTypeInfo {
  std::string_view name;   ///< as GGUF tools write it: "Q4_1"
  std::uint32_t elements;  ///< in one block; 1 for plain types
  std::uint32_t bytes;     ///< of one block
};

constexpr DTypeInfo dtype_info(DType type) noexcept {
  switch (type) {
    case DType::f32: return {"F32", 1, 4};
    case DType::f16: return {"F16", 1, 2};
    case DType::bf16: return {"BF16", 1, 2};
    case DType::i8: return {"I8", 1, 1};
    case DType::i16: return {"I16", 1, 2};
    case DType::i32: return {"I32", 1, 4};
    case DType::i64: return {"I64", 1, 8};
    case DType::q4_0: return {"Q4_0", 32, 18};
    case DType::q4_1: return {"Q4_1", 32, 20};
    case DType::q5_0: return {"Q5_0", 32, 22};
    case DType::q5_1: return {"Q5_1", 32, 24};
    case DType::q8_0: return {"Q8_0", 32, 34};
    case DType::q4_k: return {"Q4_K", 256, 144};
    case DType::q5_k: return {"Q5_K", 256, 176};
    case DType::q6_k: return {"Q6_K", 256, 210};
    case DType::u8: return {"U8", 1, 1};
  }
  return {"?", 1, 0};
}

/// Bytes of `count` elements in one row. @pre count is a multiple of the block's elements.
constexpr std::size_t row_bytes(DType type, std::size_t count) noexcept {
  const DTypeInfo info = dtype_info(type);
  return count / info.elements * info.bytes;
}

}  // namespace zenith
