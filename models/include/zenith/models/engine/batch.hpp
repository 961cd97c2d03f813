// What one forward pass is asked: rows of any sequences, ragged.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "zenith/core/sampling.hpp"
#include "zenith/core/view.hpp"
#include "zenith/kernels/exec.hpp"
#include "zenith/models/engine/kv_pool.hpp"

namespace zenith::models {

enum class Modality : std::uint8_t { text, image, audio, sensor };
enum class MaskKind : std::uint8_t { causal, span /* sees all of its span, and everything before it */ };

struct Row {
  TokenId token = -1;                      ///< -1: `embedding` is used
  const float* embedding = nullptr;        ///< f32 [d_model], lent until the pass is done
  std::array<std::int32_t, 3> position{};  ///< text uses [0]; later vision models all three
  std::uint32_t sequence = 0;              ///< index into Batch::sequences
  std::uint32_t slot = 0;                  ///< index of the row in its sequence's KV
  std::uint32_t span_end = 0;  ///< MaskKind::span: one past the span's last slot; all its rows are in this batch
  kernels::Phase phase = kernels::Phase::prefill;
  Modality modality = Modality::text;
  MaskKind mask = MaskKind::causal;
  std::uint16_t adapter = 0;
  bool want_logits = false;
};

/// Hidden rows after a layer are copied out: out f32 [rows, d_model]. layer == n_layers: after the final norm.
struct Tap {
  std::uint32_t layer = 0;
  View2<float> out;
};

/// The state between `waiting` and the next run; owned by the engine.
struct Continuation {
  virtual ~Continuation() = default;
};

struct Batch {
  std::vector<Row> rows;                     ///< rows of one sequence are contiguous and ascending in slot
  std::vector<const BlockTable*> sequences;  ///< capacity already reserved for every slot
  std::vector<Tap> taps;
  View2<float> logits;  ///< f32 [rows that want logits, vocab], in row order; the caller's memory
  std::unique_ptr<Continuation> continuation;  ///< null before the first run and after done
};

struct Done {};

/// Rows that one layer routes to one expert that is not local. Hidden states and results lie in the continuation's
/// memory.
struct ExpertGroup {
  std::uint32_t expert = 0;
  std::vector<std::uint32_t> rows;
  std::vector<float> weights;
  View2<const float> hidden;  ///< f32 [rows, d_model]
};

/// The pass cannot go on until `partial` has the fixed-point sums (× 2^40) of the named groups: fill it, then call run
/// again.
struct Waiting {
  std::uint32_t layer = 0;
  std::span<const ExpertGroup> groups;
  View2<std::int64_t> partial;  ///< [batch rows, d_model], zeroed
};

using Step = std::variant<Done, Waiting>;

}  // namespace zenith::models
