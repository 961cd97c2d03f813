// Bytes that somebody owns, and the tensor over them: what moves between actors as a pointer, never as a copy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "zenith/core/dtype.hpp"

namespace zenith {

/// Immutable, reference-counted bytes. Copies share them. Any thread.
class Buffer {
 public:
  Buffer() = default;
  /// @param owner keeps `bytes` alive: a vector, a received frame, a slot of shared memory.
  Buffer(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}
  static Buffer of(std::vector<std::byte> bytes) {
    auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    const std::span<const std::byte> view{*owner};
    return {std::move(owner), view};
  }
  static Buffer of(std::string text) {
    auto owner = std::make_shared<const std::string>(std::move(text));
    const auto view = std::as_bytes(std::span{owner->data(), owner->size()});
    return {std::move(owner), view};
  }

  const std::byte* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  const std::shared_ptr<const void>& owner() const noexcept { return owner_; }
  /// @pre offset + count <= size()
  Buffer slice(std::size_t offset, std::size_t count) const { return {owner_, bytes_.subspan(offset, count)}; }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

/// A dense row-major tensor. `data` may lie at any address: readers use unaligned loads or copy.
struct Tensor {
  DType dtype = DType::f32;
  std::uint8_t rank = 0;                ///< 0 … 4; 0 is a scalar
  std::array<std::uint32_t, 4> dims{};  ///< the first `rank` count, slowest first
  Buffer data;                          ///< row_bytes of the last dim times the product of the others
};

}  // namespace zenith
