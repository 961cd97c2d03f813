// Any bytes: a weight source or a typed error. What loads as a small model must also run.
#include <cstdint>
#include <cstdlib>

#include "zenith/kernels/thread_pool.hpp"
#include "zenith/models/engine/evaluate.hpp"
#include "zenith/models/weights/gguf.hpp"

namespace {

void run_small(const zenith::models::WeightSource& source) {
  using namespace zenith;
  const auto model = models::make_model(source, {});
  if (!model) return;
  const models::ModelInfo& info = (*model)->info();
  // Larger ones would only be slow.
  if (info.kind != models::ModelKind::generate || info.context < 2 || info.layers > 8 || info.vocab > 4096 ||
      info.d_model > 1024)
    return;
  static kernels::ThreadPool pool{1};
  static kernels::Workspace workspace;
  kernels::Exec ex{kernels::Device::cpu, &pool, &workspace, kernels::Numerics::fast};
  MemoryLedger ledger{64u << 20};
  const TokenId ids[] = {0, static_cast<TokenId>(info.vocab - 1)};
  const auto out = models::logits(**model, ex, ledger, ids, false);
  if (out && out->size() != info.vocab) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto source = zenith::models::parse_gguf(std::as_bytes(std::span{data, size}));
  if (!source) {
    if (source.error().message.empty()) std::abort();
    return 0;
  }
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  for (const auto name : (*source)->tensor_names()) {
    const zenith::models::TensorView& tensor = *(*source)->find(name);
    if (tensor.bytes.data() < begin || tensor.bytes.data() + tensor.bytes.size() > begin + size) std::abort();
  }
  run_small(**source);
  return 0;
}
