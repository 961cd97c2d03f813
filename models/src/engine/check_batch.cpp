#include <algorithm>

#include <fmt/format.h>

#include "engine/driver.hpp"

namespace zenith::models {
namespace {

tl::unexpected<Error> refuse(std::size_t row, std::string_view what) {
  return fail(Errc::invalid_argument, fmt::format("row {} {}", row, what), "rows");
}

Status check_row(const Graph& graph, const Batch& batch, std::size_t i) {
  const ModelInfo& info = graph.info();
  const Row& row = batch.rows[i];
  if (row.sequence >= batch.sequences.size()) {
    return refuse(i, fmt::format("names the sequence {}, there are {}", row.sequence, batch.sequences.size()));
  }
  if (row.embedding == nullptr && (row.token < 0 || static_cast<std::size_t>(row.token) >= info.vocab)) {
    return refuse(i, fmt::format("has the token {}, the vocabulary has {}", row.token, info.vocab));
  }
  if (row.embedding != nullptr && row.token != -1) return refuse(i, "has both a token and an embedding");
  const std::size_t capacity = batch.sequences[row.sequence]->capacity();
  if (row.slot >= capacity)
    return refuse(i, fmt::format("has the slot {}, its block table has room for {}", row.slot, capacity));
  for (const std::int32_t position : row.position) {
    if (position < 0 || static_cast<std::size_t>(position) >= info.context) {
      return refuse(i, fmt::format("has the position {}, the context has {}", position, info.context));
    }
  }
  if (row.want_logits && info.kind != ModelKind::generate)
    return refuse(i, "wants logits of an embedding model, which has none");
  return graph.accepts(row);
}

// Rows of one sequence are contiguous and ascending; a span's rows up to its end are here, one slot after the other.
Status check_order(const Batch& batch) {
  std::vector<bool> seen(batch.sequences.size());
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const Row& row = batch.rows[i];
    const bool begins = i == 0 || batch.rows[i - 1].sequence != row.sequence;
    if (begins && seen[row.sequence])
      return refuse(i, fmt::format("belongs to the sequence {}, whose rows are not contiguous", row.sequence));
    if (!begins && row.slot <= batch.rows[i - 1].slot)
      return refuse(i, fmt::format("has the slot {} after the slot {}", row.slot, batch.rows[i - 1].slot));
    seen[row.sequence] = true;
    if (row.mask != MaskKind::span) continue;
    const std::size_t last = i + (row.span_end - std::min(row.slot, row.span_end));
    if (row.span_end <= row.slot || last > batch.rows.size() || batch.rows[last - 1].sequence != row.sequence ||
        batch.rows[last - 1].slot != row.span_end - 1) {
      return refuse(i, fmt::format("(slot {}) is in a span that ends at {}, whose rows are not all in the batch",
                                   row.slot, row.span_end));
    }
  }
  return {};
}

Status check_outputs(const ModelInfo& info, const Batch& batch) {
  const auto wanted = static_cast<std::size_t>(
      std::count_if(batch.rows.begin(), batch.rows.end(), [](const Row& r) { return r.want_logits; }));
  if (wanted > 0 && (batch.logits.data == nullptr || batch.logits.rows != wanted || batch.logits.cols != info.vocab)) {
    return fail(Errc::invalid_argument,
                fmt::format("logits are [{}, {}], [{}, {}] are wanted", batch.logits.rows, batch.logits.cols, wanted,
                            info.vocab),
                "logits");
  }
  for (const Tap& tap : batch.taps) {
    if (tap.layer > info.layers || tap.out.data == nullptr || tap.out.rows != batch.rows.size() ||
        tap.out.cols != info.d_model) {
      return fail(Errc::invalid_argument,
                  fmt::format("the tap of layer {} is [{}, {}]; layers go to {}, and [{}, {}] is needed", tap.layer,
                              tap.out.rows, tap.out.cols, info.layers, batch.rows.size(), info.d_model),
                  "taps");
    }
  }
  return {};
}

Status check_sequences(const ModelInfo& info, const Batch& batch) {
  for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
    if (batch.sequences[s] == nullptr)
      return fail(Errc::invalid_argument, fmt::format("sequence {} has no block table", s), "sequences");
    const KvPool& pool = batch.sequences[s]->pool();
    const KvShape& have = pool.shape();
    if (&pool != &batch.sequences[0]->pool())
      return fail(Errc::invalid_argument, fmt::format("sequence {} lies in another KV pool than sequence 0", s),
                  "sequences");
    if (have.layers != info.kv.layers || have.kv_heads != info.kv.kv_heads || have.head_dim != info.kv.head_dim) {
      return fail(
          Errc::invalid_argument,
          fmt::format("the KV pool is of {} layers with {} heads of {}; the model needs {} with {} of {}", have.layers,
                      have.kv_heads, have.head_dim, info.kv.layers, info.kv.kv_heads, info.kv.head_dim),
          "sequences");
    }
  }
  return {};
}

}  // namespace

Status Graph::accepts(const Row&) const { return {}; }

Status check_batch(const Graph& graph, const Batch& batch) {
  if (batch.rows.size() > kMostBatchRows) {
    return fail(Errc::invalid_argument,
                fmt::format("a batch of {} rows is over the limit of {}", batch.rows.size(), kMostBatchRows), "rows");
  }
  if (auto ok = check_sequences(graph.info(), batch); !ok) return ok;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    if (auto ok = check_row(graph, batch, i); !ok) return ok;
  }
  if (auto ok = check_order(batch); !ok) return ok;
  return check_outputs(graph.info(), batch);
}

}  // namespace zenith::models
