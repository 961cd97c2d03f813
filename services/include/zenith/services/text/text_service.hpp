// A text service: the actor that owns a TextCore (generation) or an EmbedCore (embeddings) for one loaded model.
#pragma once

#include <memory>
#include <string>

#include "zenith/actors/actor.hpp"
#include "zenith/actors/protocol.hpp"
#include "zenith/core/effects.hpp"
#include "zenith/core/metrics.hpp"
#include "zenith/services/lane.hpp"
#include "zenith/services/load_cell.hpp"
#include "zenith/services/stack.hpp"
#include "zenith/services/text/text_core.hpp"
#include "zenith/services/text/text_runner.hpp"

namespace zenith::services {

/// A loaded model with its pages: what outlives a restart of its actor. The runner is touched by the lane only.
struct TextEngine {
  std::string name;  ///< of the model
  std::string service_id;
  models::LoadedModel loaded;
  kernels::Numerics numerics = kernels::Numerics::fast;
  CoreLimits limits;
  Reservation buffers;  ///< logits and activations of one step
  MemoryLedger* ledger = nullptr;
  std::unique_ptr<models::KvPool> pool;  ///< null for an embedding model, which has its pages for the time of a pass
  std::unique_ptr<TextRunner> runner;    ///< null for an embedding model
};

/// Loads and sizes: pages from kv_bytes (no more than `sequences` full contexts), buffers from the ledger.
/// @returns what the loader returns; out_of_memory with the missing number.
Expected<std::shared_ptr<TextEngine>> make_engine(const ModelSpec& spec, const ModelLoader& load, MemoryLedger& ledger,
                                                  const Clock& clock);

/// What an actor of this service works with; all of it outlives the actor.
struct TextSetup {
  std::shared_ptr<TextEngine> engine;
  Lane* lane = nullptr;
  Worker* worker = nullptr;
  Effects* effects = nullptr;
  Metrics* metrics = nullptr;
  LoadCell* load = nullptr;
};

std::unique_ptr<actors::Behaviour> make_text_service(TextSetup setup);   ///< generation
std::unique_ptr<actors::Behaviour> make_embed_service(TextSetup setup);  ///< embeddings

}  // namespace zenith::services
