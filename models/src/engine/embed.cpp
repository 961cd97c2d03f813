#include "zenith/models/engine/embed.hpp"

#include <cmath>

#include <fmt/format.h>

namespace zenith::models {
namespace {

constexpr std::size_t kRowsAPass = 1024;  // sequences are added to a pass until it has this many rows

Status check(const ModelInfo& info, std::span<const std::vector<TokenId>> sequences) {
  if (info.kind != ModelKind::embed)
    return fail(Errc::unsupported, fmt::format("'{}' is a text model; embeddings need an embedding model", info.name),
                "model");
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (sequences[i].empty()) return fail(Errc::invalid_argument, fmt::format("input {} has no tokens", i), "input");
    if (sequences[i].size() > info.context) {
      return fail(Errc::context_overflow,
                  fmt::format("input {} has {} tokens, the model's context {}", i, sequences[i].size(), info.context),
                  "input");
    }
  }
  return {};
}

std::vector<float> pooled(Pooling pooling, View2<const float> rows) {
  std::vector<double> sum(rows.cols);
  const std::size_t first = pooling == Pooling::last ? rows.rows - 1 : 0;
  const std::size_t end = pooling == Pooling::cls ? 1 : rows.rows;
  for (std::size_t i = first; i < end; ++i) {
    for (std::size_t c = 0; c < rows.cols; ++c) sum[c] += static_cast<double>(rows.row(i)[c]);
  }
  double square = 0;
  for (const double value : sum) square += value * value;
  const double by = square > 0 ? 1 / std::sqrt(square) : 0;
  std::vector<float> out(rows.cols);
  for (std::size_t c = 0; c < rows.cols; ++c) out[c] = static_cast<float>(sum[c] * by);
  return out;
}

// One pass over sequences [first, end).
Status run_pass(Model& model, kernels::Exec& ex, KvPool& pool, std::span<const std::vector<TokenId>> sequences,
                std::vector<std::vector<float>>& out) {
  std::vector<BlockTable> tables;
  tables.reserve(sequences.size());
  Batch batch;
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const auto& ids = sequences[s];
    if (auto ok = tables.emplace_back(pool).reserve(ids.size()); !ok) return ok;
    batch.sequences.push_back(&tables.back());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      Row row;
      row.token = ids[i];
      row.position[0] = static_cast<std::int32_t>(i);
      row.sequence = static_cast<std::uint32_t>(s);
      row.slot = static_cast<std::uint32_t>(i);
      row.mask = MaskKind::span;
      row.span_end = static_cast<std::uint32_t>(ids.size());
      batch.rows.push_back(row);
    }
  }
  const ModelInfo& info = model.info();
  std::vector<float> hidden(batch.rows.size() * info.d_model);
  const View2<float> rows{hidden.data(), batch.rows.size(), info.d_model};
  batch.taps.push_back({static_cast<std::uint32_t>(info.layers), rows});
  auto step = model.run(ex, batch);
  if (!step) return tl::make_unexpected(std::move(step.error()));
  if (!std::holds_alternative<Done>(*step))
    return fail(Errc::unsupported, "an embedding model with remote experts is not served");
  std::size_t at = 0;
  for (const auto& ids : sequences) {
    out.push_back(pooled(info.pooling, rows.slice(at, ids.size())));
    at += ids.size();
  }
  return {};
}

}  // namespace

Expected<std::vector<std::vector<float>>> embed(Model& model, kernels::Exec& ex, MemoryLedger& ledger,
                                                std::span<const std::vector<TokenId>> sequences) {
  if (auto ok = check(model.info(), sequences); !ok) return tl::make_unexpected(std::move(ok.error()));
  const auto pages_of = [](const std::vector<TokenId>& ids) {
    return (ids.size() + kernels::kPageTokens - 1) / kernels::kPageTokens;
  };
  std::vector<std::vector<float>> out;
  for (std::size_t at = 0; at < sequences.size();) {
    std::size_t count = 0, rows = 0, pages = 0;
    do {
      rows += sequences[at + count].size();
      pages += pages_of(sequences[at + count]);
      ++count;
    } while (at + count < sequences.size() && rows + sequences[at + count].size() <= kRowsAPass);
    auto pool = KvPool::make(model.info().kv, pages, ledger);
    if (!pool) return tl::make_unexpected(std::move(pool.error()));
    if (auto ok = run_pass(model, ex, **pool, sequences.subspan(at, count), out); !ok)
      return tl::make_unexpected(std::move(ok.error()));
    at += count;
  }
  return out;
}

}  // namespace zenith::models
