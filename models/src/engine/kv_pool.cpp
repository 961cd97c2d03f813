#include "zenith/models/engine/kv_pool.hpp"

#include <atomic>
#include <cassert>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>

namespace zenith::models {

// A page holds K and V of every layer, so that memory is touched as pages come into use.
struct KvPool::Impl {
  KvShape shape;
  Reservation memory;
  std::byte* data = nullptr;
  std::size_t bytes = 0, half_bytes = 0, page_bytes = 0;  // half: K or V of one layer in one page
  std::vector<std::uint32_t> references;
  std::vector<std::uint32_t> free;  // a stack: pages just given back are warm
  std::atomic<std::size_t> free_count{0};

  ~Impl() {
    if (data != nullptr) ::munmap(data, bytes);
  }
};

KvPool::KvPool() : impl_(std::make_unique<Impl>()) {}
KvPool::~KvPool() = default;

Expected<std::unique_ptr<KvPool>> KvPool::make(const KvShape& shape, std::size_t pages, MemoryLedger& ledger) {
  constexpr std::size_t kMostPages = std::size_t{1} << 31;
  if (shape.layers == 0 || shape.kv_heads == 0 || shape.head_dim == 0 || pages == 0 || pages > kMostPages) {
    return fail(Errc::invalid_argument, fmt::format("a KV pool of {} pages, {} layers, {} heads of {} cannot be made",
                                                    pages, shape.layers, shape.kv_heads, shape.head_dim));
  }
  if (shape.dtype != DType::f32 && shape.dtype != DType::f16) {
    return fail(Errc::unsupported,
                fmt::format("KV pages of {} are not known; F32 and F16 are", dtype_info(shape.dtype).name));
  }
  std::unique_ptr<KvPool> pool{new KvPool};
  Impl& impl = *pool->impl_;
  impl.shape = shape;
  impl.half_bytes = kernels::kPageTokens * row_bytes(shape.dtype, shape.kv_heads * shape.head_dim);
  impl.page_bytes = shape.layers * 2 * impl.half_bytes;
  impl.bytes = pages * impl.page_bytes;
  auto memory = ledger.reserve("kv", impl.bytes);
  if (!memory) return tl::make_unexpected(std::move(memory.error()));
  impl.memory = std::move(*memory);
  void* data = ::mmap(nullptr, impl.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return fail(Errc::out_of_memory, fmt::format("the system refused {} bytes for KV pages", impl.bytes));
  impl.data = static_cast<std::byte*>(data);
  ::madvise(data, impl.bytes, MADV_HUGEPAGE);
  impl.references.resize(pages);
  impl.free.reserve(pages);
  for (std::size_t page = pages; page > 0; --page) impl.free.push_back(static_cast<std::uint32_t>(page - 1));
  impl.free_count = pages;
  return pool;
}

std::size_t KvPool::pages() const noexcept { return impl_->references.size(); }
std::size_t KvPool::free_pages() const noexcept { return impl_->free_count.load(std::memory_order_relaxed); }
const KvShape& KvPool::shape() const noexcept { return impl_->shape; }

kernels::KvLayer KvPool::layer(std::size_t index) noexcept {
  assert(index < impl_->shape.layers);
  std::byte* k = impl_->data + index * 2 * impl_->half_bytes;
  return {
      k, k + impl_->half_bytes, impl_->page_bytes, impl_->shape.dtype, impl_->shape.kv_heads, impl_->shape.head_dim};
}

Expected<std::uint32_t> KvPool::acquire() {
  if (impl_->free.empty()) return fail(Errc::overloaded, fmt::format("all {} KV pages are in use", pages()));
  const std::uint32_t page = impl_->free.back();
  impl_->free.pop_back();
  impl_->references[page] = 1;
  impl_->free_count.store(impl_->free.size(), std::memory_order_relaxed);
  return page;
}

void KvPool::share(std::uint32_t page) noexcept {
  assert(impl_->references[page] > 0);
  ++impl_->references[page];
}

void KvPool::release(std::uint32_t page) noexcept {
  assert(impl_->references[page] > 0);
  if (--impl_->references[page] > 0) return;
  impl_->free.push_back(page);  // reserved in make: cannot throw
  impl_->free_count.store(impl_->free.size(), std::memory_order_relaxed);
}

BlockTable::BlockTable(BlockTable&& o) noexcept : pool_(o.pool_), pages_(std::exchange(o.pages_, {})) {}

BlockTable& BlockTable::operator=(BlockTable&& o) noexcept {
  if (this != &o) {
    clear();
    pool_ = o.pool_;
    pages_ = std::exchange(o.pages_, {});
  }
  return *this;
}

Status BlockTable::reserve(std::size_t tokens) {
  const std::size_t before = pages_.size();
  const std::size_t wanted = (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens;
  while (pages_.size() < wanted) {
    auto page = pool_->acquire();
    if (!page) {
      truncate(before * kernels::kPageTokens);
      return tl::make_unexpected(std::move(page.error()));
    }
    pages_.push_back(*page);
  }
  return {};
}

void BlockTable::truncate(std::size_t tokens) noexcept {
  const std::size_t kept = (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens;
  while (pages_.size() > kept) {
    pool_->release(pages_.back());
    pages_.pop_back();
  }
}

}  // namespace zenith::models
