#include "bench_repeat.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "foreign_load.hpp"
#include "zenith/models/engine/evaluate.hpp"
#include "zenith/models/sampler/prompt_lookup.hpp"
#include "zenith/services/text/step_cost.hpp"

namespace zenith::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kFile = R"(class Inventory:
    def __init__(self, name):
        self.name = name
        self.items = {}

    def add(self, item, count=1):
        if count <= 0:
            raise ValueError("count must be positive")
        self.items[item] = self.items.get(item, 0) + count

    def remove(self, item, count=1):
        if self.items.get(item, 0) < count:
            raise KeyError(item)
        self.items[item] -= count
        if self.items[item] == 0:
            del self.items[item]

    def total(self):
        return sum(self.items.values())

    def report(self):
        for item, count in sorted(self.items.items()):
            print(f"{item}: {count}")
)";
/// Where the third copy is cut: inside a line, so that the text does not end there.
constexpr std::string_view kCut = "if count <= 0";

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Generation {
  std::vector<TokenId> tokens;
  double seconds = 0;  ///< of the tokens after the first
  std::size_t passes = 0, drafted = 0, accepted = 0;
};

/// One greedy generation on a sequence of its own.
class Writer {
 public:
  Writer(LocalModel& local, std::unique_ptr<models::KvPool> pool, std::span<const TokenId> prompt)
      : local_(local), pool_(std::move(pool)), table_(*pool_), prompt_(prompt) {}

  Expected<Generation> write(std::size_t most, std::uint32_t draft_tokens) {
    if (auto ok = table_.reserve(prompt_.size() + most + draft_tokens); !ok) return tl::make_unexpected(ok.error());
    if (auto ok = pass(prompt_, kernels::Phase::prefill); !ok) return tl::make_unexpected(ok.error());
    models::PromptLookup lookup{prompt_};
    services::StepCost cost;
    Generation out;
    out.tokens.push_back(models::greedy(row(0)));
    const auto start = Clock::now();
    while (out.tokens.size() < most) {
      lookup.accept(out.tokens.back());
      const auto draft = lookup.draft(std::min<std::size_t>(draft_tokens, most - out.tokens.size() - 1), cost.worth(1));
      std::vector<TokenId> rows{out.tokens.back()};
      rows.insert(rows.end(), draft.begin(), draft.end());
      const auto began = Clock::now();
      if (auto ok = pass(rows, kernels::Phase::decode); !ok) return tl::make_unexpected(ok.error());
      cost.add(static_cast<double>(rows.size()), seconds_since(began));
      ++out.passes;
      std::size_t right = 0;
      for (;; ++right) {
        out.tokens.push_back(models::greedy(row(right)));
        if (right == draft.size() || out.tokens.back() != draft[right]) break;
        lookup.accept(out.tokens.back());
      }
      length_ -= draft.size() - right;
      if (!draft.empty()) lookup.verified(right, right < draft.size());
      out.drafted += draft.size();
      out.accepted += right;
    }
    out.seconds = seconds_since(start);
    return out;
  }

 private:
  std::span<const float> row(std::size_t index) const {
    const std::size_t vocab = local_.loaded.model->info().vocab;
    return std::span{logits_}.subspan(index * vocab, vocab);
  }

  /// Logits of the last row of a prompt, of every row of a decode.
  Status pass(std::span<const TokenId> tokens, kernels::Phase phase) {
    models::Batch batch;
    batch.sequences = {&table_};
    std::size_t wanted = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      models::Row one;
      one.token = tokens[i];
      one.slot = static_cast<std::uint32_t>(length_);
      one.position[0] = static_cast<std::int32_t>(length_++);
      one.phase = phase;
      one.want_logits = phase == kernels::Phase::decode || i + 1 == tokens.size();
      wanted += one.want_logits ? 1 : 0;
      batch.rows.push_back(one);
    }
    const std::size_t vocab = local_.loaded.model->info().vocab;
    logits_.resize(wanted * vocab);
    batch.logits = {logits_.data(), wanted, vocab};
    const auto done = local_.loaded.model->run(local_.exec, batch);
    if (!done) return tl::make_unexpected(done.error());
    if (!std::holds_alternative<models::Done>(*done)) return fail(Errc::unsupported, "this model needs remote experts");
    return {};
  }

  LocalModel& local_;
  std::unique_ptr<models::KvPool> pool_;
  models::BlockTable table_;
  std::span<const TokenId> prompt_;
  std::size_t length_ = 0;
  std::vector<float> logits_;
};

Expected<Generation> generation(LocalModel& local, std::span<const TokenId> prompt, std::size_t most,
                                std::uint32_t draft_tokens) {
  const std::size_t tokens = prompt.size() + most + draft_tokens;
  auto pool = models::KvPool::make(local.loaded.model->info().kv,
                                   (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens, *local.ledger);
  if (!pool) return tl::make_unexpected(pool.error());
  return Writer{local, std::move(*pool), prompt}.write(most, draft_tokens);
}

}  // namespace

Expected<RepeatBenchResult> bench_repeat(LocalModel& local, const RepeatBench& bench,
                                         const std::function<void(int done, int all)>& step) {
  const auto& info = local.loaded.model->info();
  if (info.kind != models::ModelKind::generate)
    return fail(Errc::unsupported, "'" + info.name + "' is an embedding model: it generates nothing", "model");
  if (bench.generate < 2) return fail(Errc::invalid_argument, "--repeat needs a --gen of 2 tokens or more", "gen");
  const std::string twice = std::string{kFile} + "\n" + std::string{kFile} + "\n";
  const std::string begun{kFile.substr(0, kFile.find(kCut) + kCut.size())};
  const auto prompt =
      local.loaded.tokenizer->encode(twice + begun, {.add_special = true, .parse_special = false, .untrusted = {}});
  if (prompt.size() + bench.generate + bench.draft_tokens > info.context) {
    return fail(Errc::context_overflow,
                std::to_string(prompt.size()) + " tokens of prompt and " + std::to_string(bench.generate) +
                    " more do not fit the model's context of " + std::to_string(info.context),
                "gen");
  }
  std::vector<double> plain, drafted;
  ProcessorTime from;
  RepeatBenchResult result;
  result.prompt_tokens = prompt.size();
  result.tokens = bench.generate;
  for (int i = -1; i < bench.repetitions; ++i) {
    step(i + 1, bench.repetitions + 1);
    if (i == 0) from = processor_time();
    const auto without = generation(local, prompt, bench.generate, 0);
    if (!without) return tl::make_unexpected(without.error());
    const auto with = generation(local, prompt, bench.generate, bench.draft_tokens);
    if (!with) return tl::make_unexpected(with.error());
    if (with->tokens != without->tokens) return fail(Errc::internal, "with drafts the model wrote another text");
    result.passes = with->passes;
    result.drafted = with->drafted;
    result.accepted = with->accepted;
    if (i < 0) continue;
    plain.push_back(without->seconds);
    drafted.push_back(with->seconds);
  }
  result.busy = busy_between(from, processor_time());
  const auto decoded = static_cast<double>(bench.generate - 1);
  result.plain_tokens_per_s = decoded / median(plain);
  result.drafted_tokens_per_s = decoded / median(drafted);
  return result;
}

}  // namespace zenith::tools
