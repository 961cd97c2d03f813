#include "bench_text.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "foreign_load.hpp"
#include "zenith/models/engine/evaluate.hpp"

namespace zenith::tools {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kPass = 512;  // rows of a prefill pass, as llama-bench's default

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Some sequences that grow together.
class Sequences {
 public:
  static Expected<Sequences> make(LocalModel& local, std::size_t count, std::size_t tokens) {
    const auto& info = local.loaded.model->info();
    const std::size_t pages = (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens;
    auto pool = models::KvPool::make(info.kv, pages * count, *local.ledger);
    if (!pool) return tl::make_unexpected(pool.error());
    Sequences made{local, std::move(*pool)};
    for (std::size_t i = 0; i < count; ++i) {
      made.tables_.emplace_back(*made.pool_);
      if (auto ok = made.tables_.back().reserve(tokens); !ok) return tl::make_unexpected(ok.error());
    }
    made.lengths_.assign(count, 0);
    return made;
  }

  /// `count` prompt tokens of one sequence, in passes; logits for the last when `last`.
  Status prefill(std::size_t sequence, std::size_t count, bool last) {
    while (count > 0) {
      const std::size_t rows = std::min(count, kPass);
      models::Batch batch;
      for (std::size_t i = 0; i < rows; ++i) {
        batch.rows.push_back(row(0, lengths_[sequence]++, kernels::Phase::prefill, last && i + 1 == count));
      }
      batch.sequences = {&tables_[sequence]};
      if (auto ok = run(batch, last && rows == count ? 1 : 0); !ok) return ok;
      count -= rows;
    }
    return {};
  }

  /// One token for every sequence, and its logits.
  Status decode() {
    models::Batch batch;
    for (std::size_t s = 0; s < tables_.size(); ++s) {
      batch.rows.push_back(row(static_cast<std::uint32_t>(s), lengths_[s]++, kernels::Phase::decode, true));
      batch.sequences.push_back(&tables_[s]);
    }
    return run(batch, tables_.size());
  }

 private:
  Sequences(LocalModel& local, std::unique_ptr<models::KvPool> pool)
      : local_(&local), vocab_(local.loaded.model->info().vocab), pool_(std::move(pool)) {}

  models::Row row(std::uint32_t sequence, std::size_t slot, kernels::Phase phase, bool want) const {
    models::Row one;
    // Any tokens will do, but not all the same: 1 + a walk through the vocabulary.
    one.token = static_cast<TokenId>((slot * 7919 + sequence * 104729 + 1) % vocab_);
    one.sequence = sequence;
    one.slot = static_cast<std::uint32_t>(slot);
    one.position[0] = static_cast<std::int32_t>(slot);
    one.phase = phase;
    one.want_logits = want;
    return one;
  }

  Status run(models::Batch& batch, std::size_t wanted) {
    logits_.resize(wanted * vocab_);
    if (wanted > 0) batch.logits = {logits_.data(), wanted, vocab_};
    const auto step = local_->loaded.model->run(local_->exec, batch);
    if (!step) return tl::make_unexpected(step.error());
    if (!std::holds_alternative<models::Done>(*step)) return fail(Errc::unsupported, "this model needs remote experts");
    return {};
  }

  LocalModel* local_;
  std::size_t vocab_;
  std::unique_ptr<models::KvPool> pool_;
  std::vector<models::BlockTable> tables_;
  std::vector<std::size_t> lengths_;
  std::vector<float> logits_;
};

Expected<double> time_prefill(LocalModel& local, const TextBench& bench) {
  auto sequences = Sequences::make(local, 1, bench.prompt);
  if (!sequences) return tl::make_unexpected(sequences.error());
  const auto start = Clock::now();
  if (auto ok = sequences->prefill(0, bench.prompt, true); !ok) return tl::make_unexpected(ok.error());
  return seconds_since(start);
}

Expected<double> time_decode(LocalModel& local, const TextBench& bench) {
  auto sequences = Sequences::make(local, bench.batch, bench.depth + bench.generate);
  if (!sequences) return tl::make_unexpected(sequences.error());
  for (std::size_t s = 0; s < bench.batch && bench.depth > 0; ++s) {
    if (auto ok = sequences->prefill(s, bench.depth, false); !ok) return tl::make_unexpected(ok.error());
  }
  const auto start = Clock::now();
  for (std::size_t i = 0; i < bench.generate; ++i) {
    if (auto ok = sequences->decode(); !ok) return tl::make_unexpected(ok.error());
  }
  return seconds_since(start);
}

Status check_lengths(const LocalModel& local, const TextBench& bench) {
  const std::size_t context = local.loaded.model->info().context;
  const std::size_t longest = std::max(bench.prompt, bench.depth + bench.generate);
  if (longest > context) {
    return fail(Errc::context_overflow,
                std::to_string(longest) + " tokens do not fit the model's context of " + std::to_string(context),
                "prompt");
  }
  if (local.loaded.model->info().kind != models::ModelKind::generate) {
    return fail(Errc::unsupported,
                "'" + local.loaded.model->info().name + "' is an embedding model: it generates nothing", "model");
  }
  return {};
}

}  // namespace

Expected<TextBenchResult> bench_text(LocalModel& local, const TextBench& bench,
                                     const std::function<void(int done, int all)>& step) {
  if (auto ok = check_lengths(local, bench); !ok) return tl::make_unexpected(ok.error());
  std::vector<double> prefill, decode;
  std::optional<ProcessorTime> from;
  for (int i = -1; i < bench.repetitions; ++i) {
    step(i + 1, bench.repetitions + 1);
    if (i == 0) from = processor_time();
    if (bench.prompt > 0) {
      const auto seconds = time_prefill(local, bench);
      if (!seconds) return tl::make_unexpected(seconds.error());
      if (i >= 0) prefill.push_back(*seconds);
    }
    if (bench.generate > 0) {
      const auto seconds = time_decode(local, bench);
      if (!seconds) return tl::make_unexpected(seconds.error());
      if (i >= 0) decode.push_back(*seconds);
    }
  }
  TextBenchResult result;
  result.busy = busy_between(*from, processor_time());
  if (!prefill.empty()) {
    const double seconds = median(prefill);
    result.prefill_tokens_per_s = static_cast<double>(bench.prompt) / seconds;
    result.ttft_ms = seconds * 1000;
  }
  if (!decode.empty()) {
    result.decode_tokens_per_s = static_cast<double>(bench.generate * bench.batch) / median(decode);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  result.peak_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return result;
}

}  // namespace zenith::tools
