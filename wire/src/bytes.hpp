// Little-endian integers at any address.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>

namespace zenith::wire {

static_assert(std::endian::native == std::endian::little,
              "the wire is little-endian and so are all hosts we build for");

template <class T>
void put(std::byte* at, T value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

template <class T>
T get(const std::byte* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace zenith::wire
