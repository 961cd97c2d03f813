#include "arch/registry.hpp"

#include <array>

namespace zenith::models {
namespace {

constexpr std::array kArchitectures{
    Architecture{"llama", load_llama},   Architecture{"qwen2", load_qwen2}, Architecture{"qwen3", load_qwen3},
    Architecture{"gemma3", load_gemma3}, Architecture{"bert", load_bert},
};

}  // namespace

std::span<const Architecture> architectures() noexcept { return kArchitectures; }

}  // namespace zenith::models
