// Any bytes: a weight source or a typed error.
#include <cstdint>
#include <cstdlib>

#include "zenith/models/weights/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto source = zenith::models::parse_safetensors(std::as_bytes(std::span{data, size}));
  if (!source) {
    if (source.error().message.empty()) std::abort();
    return 0;
  }
  std::size_t covered = 0;
  for (const auto name : (*source)->tensor_names()) {
    const zenith::models::TensorView& tensor = *(*source)->find(name);
    covered += tensor.bytes.size();
    for (const std::byte* p : {tensor.bytes.data(), tensor.bytes.data() + tensor.bytes.size()}) {
      if (reinterpret_cast<const std::uint8_t*>(p) < data || reinterpret_cast<const std::uint8_t*>(p) > data + size)
        std::abort();
    }
  }
  if (covered > size) std::abort();
  return 0;
}
