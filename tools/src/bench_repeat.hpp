// Generation of text that repeats its prompt, with and without drafts from the context.
#pragma once

#include <functional>

#include "local_model.hpp"

namespace zenith::tools {

struct RepeatBench {
  std::size_t generate = 128;
  std::uint32_t draft_tokens = 5;
  int repetitions = 3;
};

/// Medians over the repetitions, after one that is not counted; both ways take turns.
struct RepeatBenchResult {
  double plain_tokens_per_s = 0, drafted_tokens_per_s = 0;
  std::size_t prompt_tokens = 0, tokens = 0;
  std::size_t passes = 0, drafted = 0, accepted = 0;  ///< of one generation with drafts
  double busy = 0;                                    ///< as of bench_text
};

/// A file of code, twice, and begun once more: the model goes on quoting, greedily. No server and no detokenising.
/// @returns internal when the two ways give different tokens; context_overflow; what a pass returns.
Expected<RepeatBenchResult> bench_repeat(LocalModel& local, const RepeatBench& bench,
                                         const std::function<void(int done, int all)>& step);

}  // namespace zenith::tools
