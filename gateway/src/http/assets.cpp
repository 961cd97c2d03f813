#include "http/assets.hpp"

namespace zenith::gateway {

const Asset* find_asset(std::string_view path) noexcept {
  if (path == "/") path = "/index.html";
  for (const auto& asset : assets()) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

}  // namespace zenith::gateway
