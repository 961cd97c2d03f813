// Memory for the packed weights of one model: few large blocks on huge pages, so that a pass over all of them meets few
// page tables.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace zenith::kernels {

/// Given out in the order of the calls and given back as a whole. Shared by the Linears made in it; one thread while
/// they are made.
class WeightMemory {
 public:
  WeightMemory() = default;
  ~WeightMemory();
  WeightMemory(const WeightMemory&) = delete;
  WeightMemory& operator=(const WeightMemory&) = delete;

  /// 64-byte aligned, uninitialised. Throws std::bad_alloc.
  std::span<unsigned char> take(std::size_t bytes);

 private:
  struct Block {
    unsigned char* data;
    std::size_t size;
  };
  std::vector<Block> blocks_;
  std::size_t used_ = 0;  // of the last block
};

}  // namespace zenith::kernels
