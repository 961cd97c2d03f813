// Whisper's weights as two OpenVINO graphs.
#pragma once

#include <memory>
#include <openvino/openvino.hpp>

#include "ct2_model.hpp"
#include "zenith/core/error.hpp"

namespace zenith::media {

struct WhisperSizes {
  std::size_t state = 0, heads = 0, encoder_layers = 0, decoder_layers = 0, vocabulary = 0, context = 0;
};

/// @returns bad_file when the arrays are no whisper model with 80 mel bands.
Expected<WhisperSizes> whisper_sizes(const Ct2Model& model);

/// With n places of a window (whisper_window.hpp): mel f32 [1, 80, 2n], places i64 [n], weights f32 [1, 1, 1, n] →
/// "encoded" f32 [1, n, state]; for each decoder layer i "key.i" f32 [1, heads, width, n] and "value.i" f32
/// [1, heads, n, width], width = state / heads. @returns bad_file naming an array.
Expected<std::shared_ptr<ov::Model>> encoder_graph(const Ct2Model& model, const WhisperSizes& sizes);

/// tokens i64 [1, t], position i64 [1] (of the first), rows i64 [r], weights, key.i and value.i as above, and its own
/// keys and values past.i f32 [2, heads, position, state / heads] → logits f32 [r, vocabulary], present.i.
Expected<std::shared_ptr<ov::Model>> decoder_graph(const Ct2Model& model, const WhisperSizes& sizes);

}  // namespace zenith::media
