// Embeddings: which inputs share the next pass, and when a call is complete. Plain; one thread at a time (its actor).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "zenith/actors/protocol.hpp"
#include "zenith/services/stopwatch.hpp"
#include "zenith/services/text/fair_queue.hpp"

namespace zenith::services {

/// A call after tokenising.
struct EmbedJob {
  messages::Header header;
  actors::Promise<messages::Embeddings> answer;
  std::vector<std::vector<TokenId>> inputs;
  messages::Embeddings result;       ///< filled as passes end
  std::size_t left = 0;              ///< inputs without a vector
  std::optional<Stopwatch> watch{};  ///< absent: nobody times it
  bool begun = false;
};

struct EmbedItem {
  std::shared_ptr<EmbedJob> job;
  std::size_t input = 0;
};

struct EmbedReport {
  std::vector<EmbedItem> items;
  std::vector<std::vector<float>> vectors;  ///< one for each item, or none with `error`
  std::optional<Error> error;               ///< of the whole pass
};

class EmbedCore {
 public:
  /// @param rows of one pass (a longer input runs alone).
  explicit EmbedCore(std::uint32_t rows) noexcept : rows_(rows) {}

  void push(EmbedJob job);
  /// Inputs of any calls, tenants in turn; calls that nobody waits for are dropped. Empty while a pass runs.
  std::vector<EmbedItem> next_pass(Instant now);
  void pass_done(EmbedReport report);
  std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  std::uint32_t rows_;
  FairQueue<EmbedItem> waiting_;
  bool in_flight_ = false;
};

}  // namespace zenith::services
