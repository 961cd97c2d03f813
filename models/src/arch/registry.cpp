#include "arch/registry.hpp"

#include <array>

namespace zenith::models {
namespace {

constexpr std::array kArchitectures{
    Architecture{"llama", load_llama},
    Architecture{"qwen2", load_qwen2},
    Architecture{"qwen3", load_qwen3},
};

}  // namespace

std::span<const Architecture> architectures() noexcept { return kArchitectures; }

}  // namespace zenith::models
