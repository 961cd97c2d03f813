// A GGUF file's weights and graph with pool, workspace and KV pages, driven as the parity tests need it.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "zenith/kernels/thread_pool.hpp"
#include "zenith/models/engine/model.hpp"
#include "zenith/models/weights/gguf.hpp"

namespace zenith::parity {

/// The value, or std::runtime_error with the error's code and message, which ends a test.
template <class T>
T value_of(Expected<T> result, const std::string& what) {
  if (!result)
    throw std::runtime_error(what + ": " + std::string(to_string(result.error().code)) + ": " + result.error().message);
  return std::move(*result);
}

/// Row-major logits.
struct Logits {
  std::size_t rows = 0, vocab = 0;
  std::vector<float> values;

  std::span<const float> operator[](std::size_t row) const { return {values.data() + row * vocab, vocab}; }
};

/// Everything throws std::runtime_error with the engine's own message: a test that needs a model fails when it cannot
/// have it.
class Engine {
 public:
  Engine(const std::filesystem::path& file, kernels::Numerics numerics, std::size_t kv_tokens = 16384);

  const models::ModelInfo& info() const { return model_->info(); }

  /// Logits at every position of one sequence, whose first `prefill` tokens count as prompt and the others as
  /// generated.
  Logits all(std::span<const TokenId> ids, std::size_t prefill);
  /// Logits at the last position of a prompt.
  std::vector<float> last(std::span<const TokenId> ids);
  /// `count` tokens by largest logit after each prompt, all prompts in steps of one batch; end-of-text tokens do not
  /// stop it.
  std::vector<std::vector<TokenId>> greedy(const std::vector<std::vector<TokenId>>& prompts, std::size_t count);

 private:
  models::BlockTable table(std::size_t tokens);
  Logits run(models::Batch& batch);

  MemoryLedger ledger_;
  std::unique_ptr<models::WeightSource> weights_;
  std::unique_ptr<models::Model> model_;
  kernels::ThreadPool pool_;
  kernels::Workspace workspace_;
  kernels::Exec ex_;
  std::unique_ptr<models::KvPool> kv_;
};

/// The lowest id among the largest logits.
TokenId argmax(std::span<const float> logits);
/// sum (a - b)^2 / sum b^2.
double nmse(std::span<const float> a, std::span<const float> b);
double log_sum_exp(std::span<const float> logits);
/// $ZENITH_HOME/models/<name>, where `zenith pull` puts the default models.
std::filesystem::path default_model(const std::string& name);

}  // namespace zenith::parity
