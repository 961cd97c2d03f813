#include "engine/driver.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include <fmt/format.h>

namespace zenith::models {
namespace {

// One pass under way: what must survive between two calls of run.
struct PassState final : Continuation {
  const Graph* graph = nullptr;
  std::size_t layer = 0, stage = 0;
  std::vector<float> hidden;  // [T, d_model]
  std::vector<kernels::RowMeta> meta;
  std::vector<std::int32_t> positions;
  std::vector<kernels::KvRow> kv_rows;
  KeptRows kept;
  std::vector<ExpertGroup> groups;
  std::vector<std::int64_t> partial;  // [T, d_model]
};

void begin(PassState& state, const Graph& graph, const Batch& batch) {
  const std::size_t count = batch.rows.size();
  state.graph = &graph;
  state.layer = state.stage = 0;
  state.hidden.resize(count * graph.info().d_model);
  state.meta.resize(count);
  state.positions.resize(count);
  state.kept.clear();
  state.groups.clear();
  for (std::size_t i = 0; i < count; ++i) {
    state.meta[i] = {batch.rows[i].phase, batch.rows[i].adapter};
    state.positions[i] = batch.rows[i].position[0];
  }
}

// Block tables may have grown since the last call: the views of their pages are taken anew each time.
void place_rows(PassState& state, const Batch& batch) {
  state.kv_rows.resize(batch.rows.size());
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const Row& row = batch.rows[i];
    state.kv_rows[i] = {batch.sequences[row.sequence]->pages(), row.slot, 0,
                        row.mask == MaskKind::span ? row.span_end : row.slot + 1};
  }
}

void copy_rows(View2<const float> from, View2<float> to) {
  for (std::size_t i = 0; i < from.rows; ++i) std::memcpy(to.row(i), from.row(i), from.cols * sizeof(float));
}

bool has_nan(std::span<const float> values) {
  bool found = false;
  for (const float value : values) found |= std::isnan(value);
  return found;
}

class GraphModel final : public Model {
 public:
  explicit GraphModel(std::unique_ptr<Graph> graph) : graph_(std::move(graph)) {}
  const ModelInfo& info() const noexcept override { return graph_->info(); }

  Expected<Step> run(kernels::Exec& ex, Batch& batch) override {
    try {
      auto step = walk(ex, batch);
      if (!step) batch.continuation.reset();
      return step;
    } catch (const std::bad_alloc&) {
      batch.continuation.reset();
      return fail(Errc::out_of_memory, fmt::format("no memory for a pass of {} rows", batch.rows.size()));
    }
  }

 private:
  Expected<Step> walk(kernels::Exec& ex, Batch& batch);
  Status finish(const Pass& pass, Batch& batch, View2<float> hidden) const;

  std::unique_ptr<Graph> graph_;
  std::unique_ptr<PassState> spare_;  // the last pass's memory
};

Expected<Step> GraphModel::walk(kernels::Exec& ex, Batch& batch) {
  if (auto ok = check_batch(*graph_, batch); !ok) return tl::make_unexpected(std::move(ok.error()));
  if (batch.rows.empty()) return Step{Done{}};
  const ModelInfo& model = info();
  const bool first = batch.continuation == nullptr;
  std::unique_ptr<PassState> state;
  if (first) {
    state = spare_ ? std::move(spare_) : std::make_unique<PassState>();
    begin(*state, *graph_, batch);
  } else {
    auto* paused = dynamic_cast<PassState*>(batch.continuation.get());
    if (paused == nullptr || paused->graph != graph_.get() || paused->meta.size() != batch.rows.size()) {
      return fail(Errc::invalid_argument, "the batch's continuation belongs to another model or to other rows",
                  "continuation");
    }
    batch.continuation.release();
    state.reset(paused);
  }
  place_rows(*state, batch);
  const View2<float> hidden{state->hidden.data(), batch.rows.size(), model.d_model};
  Pass pass{ex, batch.rows, state->meta, state->positions, state->kv_rows, {}, {}, &state->kept};
  if (first) graph_->embed(pass, hidden);

  KvPool& pool = batch.sequences[0]->pool();
  for (; state->layer < model.layers; ++state->layer, state->stage = 0) {
    pass.kv = pool.layer(state->layer);
    for (;;) {
      if (state->stage > 0) pass.partial = {state->partial.data(), batch.rows.size(), model.d_model};
      const kernels::Workspace::Scope scope{*ex.workspace};
      state->groups = graph_->layer(pass, state->layer, state->stage, hidden);
      if (state->groups.empty()) break;
      ++state->stage;
      state->partial.assign(batch.rows.size() * model.d_model, 0);
      const Waiting waiting{static_cast<std::uint32_t>(state->layer),
                            state->groups,
                            {state->partial.data(), batch.rows.size(), model.d_model}};
      batch.continuation = std::move(state);
      return Step{waiting};
    }
    state->kept.clear();
    for (const Tap& tap : batch.taps) {
      if (tap.layer == state->layer) copy_rows(hidden, tap.out);
    }
  }
  auto ok = finish(pass, batch, hidden);
  spare_ = std::move(state);
  if (!ok) return tl::make_unexpected(std::move(ok.error()));
  return Step{Done{}};
}

Status GraphModel::finish(const Pass& pass, Batch& batch, View2<float> hidden) const {
  const kernels::Workspace::Scope scope{*pass.ex.workspace};
  for (const Tap& tap : batch.taps) {
    if (tap.layer != info().layers) continue;
    copy_rows(hidden, tap.out);
    graph_->final_norm(pass.ex, tap.out);
  }
  if (batch.logits.rows == 0) return {};
  std::vector<std::size_t> wanted;
  std::vector<kernels::RowMeta> meta;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    if (!batch.rows[i].want_logits) continue;
    wanted.push_back(i);
    meta.push_back(pass.meta[i]);
  }
  if (wanted.empty()) return {};
  const View2<float> last = pass.scratch(wanted.size(), hidden.cols);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    std::memcpy(last.row(i), hidden.row(wanted[i]), hidden.cols * sizeof(float));
  graph_->final_norm(pass.ex, last);
  graph_->head(pass.ex, kernels::Activations{pass.ex, last, meta}, batch.logits);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (has_nan(batch.logits[i])) {
      return fail(Errc::internal,
                  fmt::format("the logits of row {} hold NaN: the weights or an embedding are broken", wanted[i]),
                  "rows");
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Model> model_of(std::unique_ptr<Graph> graph) { return std::make_unique<GraphModel>(std::move(graph)); }

}  // namespace zenith::models
