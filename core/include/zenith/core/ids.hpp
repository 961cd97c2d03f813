// Strong types for identities, so that a tenant cannot be passed for a request.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace zenith {

template <class Tag, class T = std::uint64_t>
struct Strong {
  T value{};
  constexpr Strong() = default;
  constexpr explicit Strong(T v) noexcept : value(v) {}
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;
};

using RequestId = Strong<struct RequestIdTag>;               ///< unique in one process's life; 0 = none
using TenantId = Strong<struct TenantIdTag, std::uint32_t>;  ///< 0 = no tenant (no key was asked for)
using Generation = Strong<struct GenerationTag>;             ///< hash of weights, quantisation and shard

}  // namespace zenith

template <class Tag, class T>
struct std::hash<zenith::Strong<Tag, T>> {
  std::size_t operator()(const zenith::Strong<Tag, T>& id) const noexcept { return std::hash<T>{}(id.value); }
};
