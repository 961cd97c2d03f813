// Text generation speed, measured on the forward pass itself: no server, no sampling, no tokeniser.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "local_model.hpp"

namespace zenith::tools {

struct TextBench {
  std::size_t prompt = 512, generate = 128, depth = 0, batch = 1;
  int repetitions = 3;
};

/// Medians over the repetitions, after one that is not counted.
struct TextBenchResult {
  double prefill_tokens_per_s = 0;   ///< one prompt, in passes of 512
  double decode_tokens_per_s = 0;    ///< summed over the batch, after `depth` tokens of context
  double ttft_ms = 0;                ///< the prompt's passes and its first token, at batch 1
  std::uint64_t peak_rss_bytes = 0;  ///< of the process
  double busy = 0;                   ///< share of the machine's cores that other processes used meanwhile, 0 … 1
};

/// @param step called before each repetition. @returns context_overflow when the lengths do not fit, out_of_memory, or
/// what a pass returns.
Expected<TextBenchResult> bench_text(LocalModel& local, const TextBench& bench,
                                     const std::function<void(int done, int all)>& step);

}  // namespace zenith::tools
