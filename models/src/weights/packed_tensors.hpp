// The packed matrices of one model while it is loaded: those that its file in the cache had, and those made now.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "weights/packed_format.hpp"
#include "zenith/kernels/weight_memory.hpp"
#include "zenith/models/weights/packed_cache.hpp"
#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

/// One thread.
class PackedTensors {
 public:
  /// Nothing kept: every matrix is packed.
  PackedTensors() = default;
  /// From the cache's file for this model file, if there is a sound one. A damaged one, or one of another version, is
  /// told in the log and written anew by keep().
  PackedTensors(const PackedCache& cache, const std::filesystem::path& model, const WeightSource& source);

  /// Valid as long as memory() is held. Counts the part as one of the model's.
  std::optional<std::span<const unsigned char>> find(const PackedPart& part);
  void add(PackedPart part, std::span<const unsigned char> bytes);
  const std::shared_ptr<kernels::WeightMemory>& memory() const noexcept { return memory_; }

  /// Once the model is loaded: writes the cache's file when something was packed now. What hinders it is told in the
  /// log.
  void keep() const;

 private:
  Status read();
  Status write() const;

  PackedCache cache_;
  std::uint64_t most_payload_ = 0;
  PackedKey key_;
  std::filesystem::path path_;  // empty: nothing is kept
  std::shared_ptr<kernels::WeightMemory> memory_ = std::make_shared<kernels::WeightMemory>();
  std::map<PackedPart, std::span<const unsigned char>> read_;
  std::vector<std::pair<PackedPart, std::span<const unsigned char>>> used_;
  bool packed_ = false;
};

}  // namespace zenith::models
