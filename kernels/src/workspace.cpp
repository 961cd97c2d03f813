#include <algorithm>
#include <utility>
#include <vector>

#include "zenith/kernels/exec.hpp"

namespace zenith::kernels {
namespace {

constexpr std::size_t kAlign = 64;
constexpr std::size_t kFirstBlock = std::size_t{1} << 20;

struct Block {
  explicit Block(std::size_t bytes)
      : data(static_cast<std::byte*>(::operator new(bytes, std::align_val_t{kAlign}))), size(bytes) {}
  Block(Block&& o) noexcept : data(std::exchange(o.data, nullptr)), size(o.size) {}
  Block& operator=(Block&&) = delete;
  ~Block() { ::operator delete(data, std::align_val_t{kAlign}); }

  std::byte* data;
  std::size_t size;
};

}  // namespace

/// Blocks are filled in order; `block` is the one in use and `used` its fill. Later blocks are empty and kept for the
/// next call.
struct Workspace::Impl {
  std::vector<Block> blocks;
  std::size_t block = 0, used = 0;
};

Workspace::Workspace() : impl_(std::make_unique<Impl>()) {}
Workspace::~Workspace() = default;

void* Workspace::take_bytes(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(-1) / 4) throw std::bad_alloc{};
  bytes = std::max<std::size_t>((bytes + kAlign - 1) / kAlign * kAlign, kAlign);
  Impl& s = *impl_;
  while (s.block < s.blocks.size() && s.blocks[s.block].size - s.used < bytes) {
    ++s.block;
    s.used = 0;
  }
  if (s.block == s.blocks.size()) {
    s.blocks.emplace_back(std::max({kFirstBlock, bytes, s.blocks.empty() ? 0 : s.blocks.back().size * 2}));
    s.used = 0;
  }
  std::byte* out = s.blocks[s.block].data + s.used;
  s.used += bytes;
  return out;
}

std::size_t Workspace::reserved_bytes() const noexcept {
  std::size_t sum = 0;
  for (const Block& b : impl_->blocks) sum += b.size;
  return sum;
}

Workspace::Scope::Scope(Workspace& ws) noexcept : ws_(ws), block_(ws.impl_->block), used_(ws.impl_->used) {}

Workspace::Scope::~Scope() {
  ws_.impl_->block = block_;
  ws_.impl_->used = used_;
}

}  // namespace zenith::kernels
