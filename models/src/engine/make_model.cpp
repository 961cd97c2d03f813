#include <fmt/format.h>

#include "arch/registry.hpp"
#include "engine/driver.hpp"
#include "weights/stored_source.hpp"

namespace zenith::models {

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const Architecture& row : architectures()) names.emplace_back(row.name);
  return names;
}

Expected<std::unique_ptr<Model>> make_model(const WeightSource& source, const LoadOptions& options) {
  constexpr std::string_view kKey = "general.architecture";
  auto name = meta_string(source, kKey);
  if (!name) return tl::make_unexpected(std::move(name.error()));
  for (const Architecture& row : architectures()) {
    if (row.name != *name) continue;
    auto graph = row.load(source, options);
    if (!graph) return tl::make_unexpected(std::move(graph.error()));
    return model_of(std::move(*graph));
  }
  std::string known;
  for (const Architecture& row : architectures()) known.append(known.empty() ? "" : " ").append(row.name);
  return fail(Errc::unsupported, fmt::format("the architecture {} is not known; known are {}", printable(*name), known),
              std::string{kKey});
}

}  // namespace zenith::models
