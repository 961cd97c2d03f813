#include "engine.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

namespace zenith::parity {
namespace {

models::Row row_of(TokenId token, std::size_t slot, std::uint32_t sequence, kernels::Phase phase, bool want_logits) {
  models::Row row;
  row.token = token;
  row.position = {static_cast<std::int32_t>(slot), static_cast<std::int32_t>(slot), static_cast<std::int32_t>(slot)};
  row.sequence = sequence;
  row.slot = static_cast<std::uint32_t>(slot);
  row.phase = phase;
  row.want_logits = want_logits;
  return row;
}

}  // namespace

Engine::Engine(const std::filesystem::path& file, kernels::Numerics numerics, std::size_t kv_tokens)
    : ledger_(std::uint64_t{8} << 30),
      weights_(value_of(models::open_gguf(file), file.string())),
      model_(value_of(models::make_model(*weights_, {.numerics = numerics}), file.string())),
      pool_(kernels::usable_cores()),
      ex_{.pool = &pool_, .workspace = &workspace_, .numerics = numerics} {
  if (info().kind == models::ModelKind::generate)
    kv_ = value_of(models::KvPool::make(info().kv, kv_tokens / kernels::kPageTokens, ledger_), "KV pages");
}

models::BlockTable Engine::table(std::size_t tokens) {
  models::BlockTable out(*kv_);
  if (const auto done = out.reserve(tokens); !done) throw std::runtime_error("KV pages: " + done.error().message);
  return out;
}

Logits Engine::run(models::Batch& batch) {
  Logits out;
  out.vocab = info().vocab;
  out.rows =
      static_cast<std::size_t>(std::ranges::count_if(batch.rows, [](const models::Row& r) { return r.want_logits; }));
  out.values.resize(out.rows * out.vocab);
  batch.logits = {out.values.data(), out.rows, out.vocab};
  const models::Step step = value_of(model_->run(ex_, batch), "run");
  if (!std::holds_alternative<models::Done>(step)) throw std::runtime_error("run waits for an expert in a dense model");
  return out;
}

Logits Engine::all(std::span<const TokenId> ids, std::size_t prefill) {
  const models::BlockTable pages = table(ids.size());
  models::Batch batch;
  batch.sequences = {&pages};
  for (std::size_t i = 0; i < ids.size(); ++i)
    batch.rows.push_back(row_of(ids[i], i, 0, i < prefill ? kernels::Phase::prefill : kernels::Phase::decode, true));
  return run(batch);
}

std::vector<float> Engine::last(std::span<const TokenId> ids) {
  const models::BlockTable pages = table(ids.size());
  models::Batch batch;
  batch.sequences = {&pages};
  for (std::size_t i = 0; i < ids.size(); ++i)
    batch.rows.push_back(row_of(ids[i], i, 0, kernels::Phase::prefill, i + 1 == ids.size()));
  return run(batch).values;
}

std::vector<std::vector<TokenId>> Engine::greedy(const std::vector<std::vector<TokenId>>& prompts, std::size_t count) {
  std::vector<models::BlockTable> tables;
  std::vector<std::vector<TokenId>> out(prompts.size());
  for (const auto& prompt : prompts) tables.push_back(table(prompt.size() + count));
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    models::Batch batch;
    batch.sequences = {&tables[p]};
    for (std::size_t i = 0; i < prompts[p].size(); ++i)
      batch.rows.push_back(row_of(prompts[p][i], i, 0, kernels::Phase::prefill, i + 1 == prompts[p].size()));
    out[p].push_back(argmax(run(batch)[0]));
  }
  for (std::size_t step = 1; step < count; ++step) {
    models::Batch batch;
    for (std::size_t p = 0; p < prompts.size(); ++p) {
      batch.sequences.push_back(&tables[p]);
      batch.rows.push_back(row_of(out[p].back(), prompts[p].size() + step - 1, static_cast<std::uint32_t>(p),
                                  kernels::Phase::decode, true));
    }
    const Logits logits = run(batch);
    for (std::size_t p = 0; p < prompts.size(); ++p) out[p].push_back(argmax(logits[p]));
  }
  return out;
}

TokenId argmax(std::span<const float> logits) {
  return static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin());
}

double nmse(std::span<const float> a, std::span<const float> b) {
  double difference = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  return difference / norm;
}

double log_sum_exp(std::span<const float> logits) {
  const double top = *std::ranges::max_element(logits);
  double sum = 0.0;
  for (const float l : logits) sum += std::exp(l - top);
  return top + std::log(sum);
}

std::filesystem::path default_model(const std::string& name) {
  const char* home = std::getenv("ZENITH_HOME");
  const char* user = std::getenv("HOME");
  const std::filesystem::path root =
      home ? std::filesystem::path(home) : std::filesystem::path(user ? user : "/root") / ".cache" / "zenith";
  const auto path = root / "models" / name;
  if (!std::filesystem::exists(path))
    throw std::runtime_error(path.string() + " is missing: run `zenith pull " + name + "`");
  return path;
}

}  // namespace zenith::parity
