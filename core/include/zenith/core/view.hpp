// Non-owning views of contiguous rows.
#pragma once

#include <cassert>
#include <cstddef>
#include <span>
#include <type_traits>

namespace zenith {

template <class T>
using View1 = std::span<T>;

/// [rows, cols], a row's elements contiguous, rows `stride` elements apart.
template <class T>
struct View2 {
  T* data = nullptr;
  std::size_t rows = 0, cols = 0, stride = 0;

  constexpr View2() = default;
  constexpr View2(T* d, std::size_t r, std::size_t c) noexcept : View2(d, r, c, c) {}
  constexpr View2(T* d, std::size_t r, std::size_t c, std::size_t s) noexcept : data(d), rows(r), cols(c), stride(s) {}
  template <class U>
    requires std::is_same_v<const U, T>
  constexpr View2(const View2<U>& o) noexcept : data(o.data), rows(o.rows), cols(o.cols), stride(o.stride) {}

  constexpr T* row(std::size_t i) const noexcept {
    assert(i < rows);
    return data + i * stride;
  }
  constexpr std::span<T> operator[](std::size_t i) const noexcept { return {row(i), cols}; }
  constexpr View2 slice(std::size_t first, std::size_t count) const noexcept {
    assert(first + count <= rows);
    return {data + first * stride, count, cols, stride};
  }
};

}  // namespace zenith
