// KV memory in pages of 64 tokens, reached through block tables.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/ledger.hpp"
#include "zenith/kernels/attention.hpp"

namespace zenith::models {

struct KvShape {
  std::size_t layers = 0, kv_heads = 0, head_dim = 0;
  DType dtype = DType::f16;
};

/// Pages are counted by reference, so that sequences may share a prefix. One thread (the lane that owns the model);
/// gauges any thread.
class KvPool {
 public:
  /// @returns out_of_memory from the ledger, before anything is allocated.
  static Expected<std::unique_ptr<KvPool>> make(const KvShape& shape, std::size_t pages, MemoryLedger& ledger);
  ~KvPool();

  std::size_t pages() const noexcept;
  std::size_t free_pages() const noexcept;  ///< any thread
  kernels::KvLayer layer(std::size_t index) noexcept;
  const KvShape& shape() const noexcept;

  Expected<std::uint32_t> acquire();        ///< overloaded when no page is free
  void share(std::uint32_t page) noexcept;  ///< one more reference
  void release(std::uint32_t page) noexcept;

 private:
  KvPool();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The pages of one sequence, in order. Gives them back at its end. Movable. Must not outlive the pool.
class BlockTable {
 public:
  explicit BlockTable(KvPool& pool) noexcept : pool_(&pool) {}
  BlockTable(BlockTable&& o) noexcept;
  BlockTable& operator=(BlockTable&& o) noexcept;
  ~BlockTable() { clear(); }

  /// Makes room for `tokens` in all. All or nothing. @returns overloaded when pages run out.
  Status reserve(std::size_t tokens);
  void truncate(std::size_t tokens) noexcept;  ///< gives back pages past `tokens` (rollback)
  void clear() noexcept { truncate(0); }
  std::span<const std::uint32_t> pages() const noexcept { return pages_; }
  KvPool& pool() const noexcept { return *pool_; }
  std::size_t capacity() const noexcept { return pages_.size() * kernels::kPageTokens; }

 private:
  KvPool* pool_;
  std::vector<std::uint32_t> pages_;
};

}  // namespace zenith::models
