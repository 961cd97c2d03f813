#include "zenith/kernels/weight_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace zenith::kernels {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kBlock = 16 * kHugePage;
constexpr std::size_t kAlign = 64;

std::size_t rounded(std::size_t bytes, std::size_t to) noexcept { return (bytes + to - 1) / to * to; }

}  // namespace

WeightMemory::~WeightMemory() {
  for (const Block& block : blocks_) ::munmap(block.data, block.size);
}

std::span<unsigned char> WeightMemory::take(std::size_t bytes) {
  const std::size_t wanted = rounded(bytes, kAlign);
  if (blocks_.empty() || blocks_.back().size - used_ < wanted) {
    // Pages that are never touched cost nothing: a block is larger than asked for, and aligned by cutting it.
    const std::size_t size = std::max(kBlock, rounded(wanted, kHugePage)), mapped = size + kHugePage;
    blocks_.reserve(blocks_.size() + 1);
    void* at = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc{};
    auto* data = static_cast<unsigned char*>(at);
    const std::size_t before =
        rounded(reinterpret_cast<std::uintptr_t>(data), kHugePage) - reinterpret_cast<std::uintptr_t>(data);
    if (before > 0) ::munmap(data, before);
    if (before < kHugePage) ::munmap(data + before + size, kHugePage - before);
    (void)::madvise(data + before, size, MADV_HUGEPAGE);  // advice: slower without, not wrong
    blocks_.push_back({data + before, size});
    used_ = 0;
  }
  unsigned char* out = blocks_.back().data + used_;
  used_ += wanted;
  return {out, bytes};
}

}  // namespace zenith::kernels
