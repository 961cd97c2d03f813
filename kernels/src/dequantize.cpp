#include "zenith/kernels/dequantize.hpp"

#include <cstring>
#include <string>

#include "blocks.hpp"

namespace zenith::kernels {

Status dequantize_row(DType type, std::span<const std::byte> bytes, std::span<float> out) noexcept {
  const auto bits = [&](std::size_t i) {
    std::uint16_t v;
    std::memcpy(&v, bytes.data() + i * sizeof v, sizeof v);
    return v;
  };
  switch (type) {
    case DType::f32:
      if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size_bytes());
      return {};
    case DType::f16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = f16_to_f32(bits(i));
      return {};
    case DType::bf16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = bf16_to_f32(bits(i));
      return {};
    case DType::q4_0:
    case DType::q4_1:
    case DType::q5_0:
    case DType::q5_1:
    case DType::q8_0:
    case DType::q4_k:
    case DType::q5_k:
    case DType::q6_k:
      for (std::size_t i = 0; i < out.size() / kBlock; ++i) {
        Block32 block;
        decode_block(type, bytes.data(), i, block);
        block_floats(block, out.data() + i * kBlock);
      }
      return {};
    case DType::i8:
    case DType::i16:
    case DType::i32:
    case DType::i64:
    case DType::u8: break;
  }
  return fail(Errc::unsupported, std::string{dtype_info(type).name} +
                                     " has no float meaning: weights must be of a float or block-quantised type");
}

}  // namespace zenith::kernels
