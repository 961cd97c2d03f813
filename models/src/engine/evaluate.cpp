#include "zenith/models/engine/evaluate.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "engine/sequence_runner.hpp"

namespace zenith::models {
namespace {

constexpr std::size_t kWindow = kPerplexityWindow;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double negative_log_likelihood(std::span<const float> logits, TokenId id) {
  const double most = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float value : logits) sum += std::exp(static_cast<double>(value) - most);
  return most + std::log(sum) - static_cast<double>(logits[static_cast<std::size_t>(id)]);
}

Status check_ids(const Model& model, std::span<const TokenId> ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || static_cast<std::size_t>(ids[i]) >= model.info().vocab) {
      return fail(Errc::invalid_argument,
                  fmt::format("id {} (number {}) is not in the vocabulary of {}", ids[i], i, model.info().vocab),
                  "ids");
    }
  }
  return {};
}

}  // namespace

TokenId greedy(std::span<const float> logits) noexcept {
  return static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin());
}

Expected<std::vector<float>> logits(Model& model, kernels::Exec& ex, MemoryLedger& ledger, std::span<const TokenId> ids,
                                    bool all_positions) {
  if (auto ok = check_ids(model, ids); !ok) return tl::make_unexpected(std::move(ok.error()));
  auto runner = SequenceRunner::make(model, ledger, ids.size());
  if (!runner) return tl::make_unexpected(std::move(runner.error()));
  auto memory = ledger.reserve("logits", (all_positions ? ids.size() : 1) * model.info().vocab * sizeof(float));
  if (!memory) return tl::make_unexpected(std::move(memory.error()));
  std::vector<float> out;
  const auto wants = [&](std::size_t i) { return all_positions || i + 1 == ids.size(); };
  if (auto ok = runner->append(ex, ids, kernels::Phase::prefill, wants, out); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  return out;
}

Expected<Perplexity> perplexity(Model& model, kernels::Exec& ex, MemoryLedger& ledger, std::span<const TokenId> ids,
                                TokenId bos, const Progress& progress, const OnScored& on_scored) {
  if (auto ok = check_ids(model, ids); !ok) return tl::make_unexpected(std::move(ok.error()));
  const std::size_t windows = ids.size() / kWindow;
  if (windows == 0) {
    return fail(Errc::invalid_argument,
                fmt::format("the text has {} tokens, one window of {} is needed", ids.size(), kWindow), "ids");
  }
  auto runner = SequenceRunner::make(model, ledger, kWindow);
  if (!runner) return tl::make_unexpected(std::move(runner.error()));
  const std::size_t vocab = model.info().vocab;
  double total = 0;
  Perplexity result;
  std::vector<float> out;
  for (std::size_t w = 0; w < windows; ++w) {
    std::vector<TokenId> window{ids.begin() + static_cast<std::ptrdiff_t>(w * kWindow),
                                ids.begin() + static_cast<std::ptrdiff_t>((w + 1) * kWindow)};
    if (bos >= 0) window[0] = bos;
    runner->restart();
    const auto wants = [](std::size_t i) { return i + 1 >= kWindow / 2 && i + 1 < kWindow; };
    if (auto ok = runner->append(ex, window, kernels::Phase::prefill, wants, out); !ok)
      return tl::make_unexpected(std::move(ok.error()));
    for (std::size_t i = 0; i * vocab < out.size(); ++i) {
      total += negative_log_likelihood({out.data() + i * vocab, vocab}, window[kWindow / 2 + i]);
      ++result.scored_tokens;
    }
    if (on_scored) {
      if (auto ok = on_scored(out, std::span{window}.subspan(kWindow - kPerplexityScored)); !ok)
        return tl::make_unexpected(std::move(ok.error()));
    }
    result.windows = w + 1;
    if (progress && !progress(w + 1, windows))
      return fail(Errc::cancelled, fmt::format("stopped after {} of {} windows", w + 1, windows));
  }
  result.mean_nll = total / static_cast<double>(result.scored_tokens);
  result.perplexity = std::exp(result.mean_nll);
  return result;
}

Expected<Generated> generate(Model& model, kernels::Exec& ex, MemoryLedger& ledger, std::span<const TokenId> prompt,
                             std::size_t most, const PickToken& pick, const OnToken& on_token) {
  if (auto ok = check_ids(model, prompt); !ok) return tl::make_unexpected(std::move(ok.error()));
  const std::size_t context = model.info().context;
  if (prompt.size() > context) {
    return fail(Errc::context_overflow,
                fmt::format("a prompt of {} tokens does not fit the model's context of {}", prompt.size(), context),
                "prompt");
  }
  auto runner = SequenceRunner::make(model, ledger, prompt.size() + std::min(most, context - prompt.size()));
  if (!runner) return tl::make_unexpected(std::move(runner.error()));
  Generated result;
  std::vector<float> out;
  auto start = std::chrono::steady_clock::now();
  const auto last_only = [&](std::size_t i) { return i + 1 == prompt.size(); };
  if (auto ok = runner->append(ex, prompt, kernels::Phase::prefill, last_only, out); !ok)
    return tl::make_unexpected(std::move(ok.error()));
  while (result.tokens.size() < most) {
    const TokenId id = pick(out);
    result.tokens.push_back(id);
    if (result.tokens.size() == 1) {
      result.prefill_s = seconds_since(start);
      start = std::chrono::steady_clock::now();
    }
    if (on_token && !on_token(id)) break;
    if (result.tokens.size() == most || prompt.size() + result.tokens.size() > context) break;
    if (auto ok = runner->append(
            ex, std::array{id}, kernels::Phase::decode, [](std::size_t) { return true; }, out);
        !ok) {
      return tl::make_unexpected(std::move(ok.error()));
    }
  }
  result.decode_s = seconds_since(start);
  return result;
}

}  // namespace zenith::models
