// The tensor types of GGUF that are read and written, by the number that the file has for them.
#pragma once

#include <array>
#include <cstdint>

#include "zenith/core/dtype.hpp"

namespace zenith::models {

constexpr std::uint32_t kGgufMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kGgufAlignment = 32;      // without a key that says another

struct GgufTensorType {
  std::uint32_t id;  // ggml_type
  DType type;
};
constexpr std::array kGgufTensorTypes{
    GgufTensorType{0, DType::f32},   GgufTensorType{1, DType::f16},   GgufTensorType{2, DType::q4_0},
    GgufTensorType{3, DType::q4_1},  GgufTensorType{6, DType::q5_0},  GgufTensorType{7, DType::q5_1},
    GgufTensorType{8, DType::q8_0},  GgufTensorType{12, DType::q4_k}, GgufTensorType{13, DType::q5_k},
    GgufTensorType{14, DType::q6_k}, GgufTensorType{24, DType::i8},   GgufTensorType{25, DType::i16},
    GgufTensorType{26, DType::i32},  GgufTensorType{27, DType::i64},  GgufTensorType{30, DType::bf16},
};

}  // namespace zenith::models
