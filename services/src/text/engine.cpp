#include <fmt/format.h>

#include <algorithm>

#include "zenith/core/log.hpp"
#include "zenith/kernels/attention.hpp"
#include "zenith/services/text/preparation.hpp"
#include "zenith/services/text/text_service.hpp"

namespace zenith::services {

Expected<std::shared_ptr<TextEngine>> make_engine(const ModelSpec& spec, const ModelLoader& load, MemoryLedger& ledger,
                                                  const Clock& clock) {
  auto loaded = load(spec, ledger);
  if (!loaded) return tl::make_unexpected(std::move(loaded.error()));
  auto engine = std::make_shared<TextEngine>();
  engine->name = spec.name;
  engine->service_id = spec.service_id;
  engine->loaded = std::move(*loaded);
  engine->numerics = spec.numerics;
  engine->ledger = &ledger;

  const models::ModelInfo& info = engine->loaded.model->info();
  const std::size_t context = spec.context == 0 ? info.context : std::min<std::size_t>(spec.context, info.context);
  CoreLimits& limits = engine->limits;
  limits.model = spec.name;
  limits.context = static_cast<std::uint32_t>(context);
  limits.sequences = std::max(spec.sequences, 1u);
  limits.queue = std::max(spec.queue, 1u);
  limits.draft_tokens = std::min(spec.draft_tokens, kMostDraftRows);
  limits.step_rows = std::max(limits.step_rows, limits.sequences);
  if (info.kind == models::ModelKind::embed) return engine;

  const std::size_t page_bytes =
      info.kv.layers * 2 * kernels::kPageTokens * row_bytes(info.kv.dtype, info.kv.kv_heads * info.kv.head_dim);
  const std::size_t per_sequence = (context + kernels::kPageTokens - 1) / kernels::kPageTokens;
  const std::size_t pages =
      std::min<std::size_t>(per_sequence * limits.sequences, spec.kv_bytes / std::max<std::size_t>(page_bytes, 1));
  if (pages == 0) {
    return fail(Errc::out_of_memory,
                fmt::format("kv_bytes is {}, one page of 64 tokens of model '{}' needs {}", spec.kv_bytes, spec.name,
                            page_bytes),
                "kv_bytes");
  }
  limits.pages = static_cast<std::uint32_t>(pages);
  limits.context = static_cast<std::uint32_t>(std::min(context, pages * kernels::kPageTokens));
  if (limits.context < context) {
    log(LogLevel::warn, "text", "kv_bytes holds less than one full context: longer prompts are refused",
        {{"model", spec.name}, {"context", context}, {"served", limits.context}, {"kv_bytes", spec.kv_bytes}});
  }
  auto buffers = ledger.reserve(
      "buffers", (limits.sequences + (limits.draft_tokens > 0 ? kMostDraftRows : 0)) * info.vocab * sizeof(float));
  if (!buffers) return tl::make_unexpected(std::move(buffers.error()));
  engine->buffers = std::move(*buffers);
  auto pool = models::KvPool::make(info.kv, pages, ledger);
  if (!pool) return tl::make_unexpected(std::move(pool.error()));
  engine->pool = std::move(*pool);
  engine->runner = std::make_unique<TextRunner>(*engine->loaded.model, *engine->loaded.tokenizer, *engine->pool,
                                                reasoning_tags(engine->loaded), clock);
  return engine;
}

}  // namespace zenith::services
