#include "engine/sequence_runner.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace zenith::models {

Expected<SequenceRunner> SequenceRunner::make(Model& model, MemoryLedger& ledger, std::size_t tokens) {
  const ModelInfo& info = model.info();
  if (tokens == 0) return fail(Errc::invalid_argument, "there are no tokens to run", "ids");
  if (tokens > info.context) {
    return fail(Errc::context_overflow,
                fmt::format("{} tokens do not fit the model's context of {}", tokens, info.context), "ids");
  }
  auto pool = KvPool::make(info.kv, (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens, ledger);
  if (!pool) return tl::make_unexpected(std::move(pool.error()));
  SequenceRunner runner{model, std::move(*pool)};
  if (auto ok = runner.table_.reserve(tokens); !ok) return tl::make_unexpected(std::move(ok.error()));
  return runner;
}

Status SequenceRunner::append_chunk(kernels::Exec& ex, std::span<const TokenId> ids, kernels::Phase phase,
                                    const std::vector<bool>& wanted, std::vector<float>& out) {
  Batch batch;
  batch.sequences = {&table_};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Row row;
    row.token = ids[i];
    row.slot = static_cast<std::uint32_t>(length_ + i);
    row.position[0] = static_cast<std::int32_t>(length_ + i);
    row.phase = phase;
    row.want_logits = wanted[i];
    batch.rows.push_back(row);
  }
  const auto count = static_cast<std::size_t>(std::ranges::count(wanted, true));
  const std::size_t vocab = model_->info().vocab, before = out.size();
  out.resize(before + count * vocab);
  if (count > 0) batch.logits = {out.data() + before, count, vocab};
  auto step = model_->run(ex, batch);
  if (!step) return tl::make_unexpected(std::move(step.error()));
  if (!std::holds_alternative<Done>(*step)) {
    return fail(Errc::unsupported, "this model needs remote experts, which this command does not call");
  }
  length_ += ids.size();
  return {};
}

}  // namespace zenith::models
