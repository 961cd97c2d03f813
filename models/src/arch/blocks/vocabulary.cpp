#include "arch/blocks/vocabulary.hpp"

#include <cassert>
#include <cstring>

#include "zenith/kernels/dequantize.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::models {

namespace {

bool is_tied(const TensorLoader& loader) { return !loader.has("output.weight"); }

}  // namespace

void TokenTable::load(TensorLoader& loader, const Hyper& h, const OutputHead& head) {
  if (!is_tied(loader)) return load(loader, "token_embd.weight", h.vocab, h.d_model);
  if (head.logits) tied_ = &*head.logits;
}

void TokenTable::row(std::size_t index, std::span<float> out) const {
  if (tied_ != nullptr) return tied_->row(index, out);
  const std::size_t stride = row_bytes(table_->dtype, out.size());
  [[maybe_unused]] const Status ok =
      kernels::dequantize_row(table_->dtype, table_->bytes.subspan(index * stride, stride), out);
  assert(ok);  // the type was tried at loading
}

void TokenTable::embed(const Pass& pass, View2<float> hidden, float scale) const {
  pass.ex.pool->for_range(hidden.rows, 8, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const Row& row = pass.rows[i];
      if (row.embedding != nullptr) {
        std::memcpy(hidden.row(i), row.embedding, hidden.cols * sizeof(float));
        continue;
      }
      this->row(static_cast<std::size_t>(row.token), hidden[i]);
      if (scale == 1.0F) continue;
      for (float& value : hidden[i]) value *= scale;
    }
  });
}

OutputHead load_output_head(TensorLoader& loader, const Hyper& h) {
  OutputHead head;
  head.norm = loader.vector("output_norm.weight", h.d_model);
  head.norm_eps = h.norm_eps;
  head.logits = loader.linear(is_tied(loader) ? "token_embd.weight" : "output.weight", h.vocab, h.d_model);
  return head;
}

}  // namespace zenith::models
