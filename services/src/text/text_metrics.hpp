// The metrics of one text service; names are documented in docs and shown at /metrics.
#pragma once

#include "zenith/core/metrics.hpp"
#include "zenith/services/text/text_core.hpp"

namespace zenith::services {

struct TextMetrics {
  TextMetrics(Metrics& m, const std::string& model)
      : first_token(m.histogram("zenith_time_to_first_token_seconds",
                                "From a request's arrival at its service to its first token", latency_bounds_seconds(),
                                {{"model", model}})),
        between_tokens(m.histogram("zenith_inter_token_seconds", "Between two tokens of one choice",
                                   latency_bounds_seconds(), {{"model", model}})),
        queue(m.histogram("zenith_queue_seconds", "From a request's arrival to the start of its computing",
                          latency_bounds_seconds(), {{"model", model}})),
        prompt_tokens(m.counter("zenith_tokens_total", "Tokens computed", {{"model", model}, {"kind", "prompt"}})),
        generated_tokens(
            m.counter("zenith_tokens_total", "Tokens computed", {{"model", model}, {"kind", "generated"}})),
        recomputed_tokens(
            m.counter("zenith_tokens_total", "Tokens computed", {{"model", model}, {"kind", "recomputed"}})),
        drafted_tokens(m.counter("zenith_draft_tokens_total", "Tokens guessed from the context and verified",
                                 {{"model", model}, {"kind", "drafted"}})),
        accepted_tokens(m.counter("zenith_draft_tokens_total", "Tokens guessed from the context and verified",
                                  {{"model", model}, {"kind", "accepted"}})),
        steps(m.counter("zenith_steps_total", "Forward passes of the batch", {{"model", model}})),
        queue_depth(m.gauge("zenith_queue_depth", "Requests of which nothing runs yet", {{"model", model}})),
        running(m.gauge("zenith_running_sequences", "Sequences in the batch", {{"model", model}})),
        kv_used(m.gauge("zenith_kv_pages_used", "KV pages that sequences hold", {{"model", model}})),
        kv_total(m.gauge("zenith_kv_pages_total", "KV pages that there are", {{"model", model}})) {}

  void update(TextCore& core) {
    const auto seen = core.take_observed();
    for (const double s : seen.first_token_s) first_token.observe(s);
    for (const double s : seen.between_tokens_s) between_tokens.observe(s);
    for (const double s : seen.queue_s) queue.observe(s);
    if (seen.prompt_tokens > 0) prompt_tokens.add(static_cast<double>(seen.prompt_tokens));
    generated += seen.generated_tokens;
    if (seen.generated_tokens > 0) generated_tokens.add(static_cast<double>(seen.generated_tokens));
    if (seen.recomputed_tokens > 0) recomputed_tokens.add(static_cast<double>(seen.recomputed_tokens));
    if (seen.drafted_tokens > 0) drafted_tokens.add(static_cast<double>(seen.drafted_tokens));
    if (seen.accepted_tokens > 0) accepted_tokens.add(static_cast<double>(seen.accepted_tokens));
    if (seen.steps > 0) steps.add(static_cast<double>(seen.steps));
    queue_depth.set(static_cast<double>(core.queue_depth()));
    running.set(static_cast<double>(core.running()));
    kv_used.set(core.pages().used());
    kv_total.set(core.pages().total());
  }

  std::uint64_t generated = 0;  ///< tokens since this began
  Histogram &first_token, &between_tokens, &queue;
  Counter &prompt_tokens, &generated_tokens, &recomputed_tokens, &drafted_tokens, &accepted_tokens, &steps;
  Gauge &queue_depth, &running, &kv_used, &kv_total;
};

}  // namespace zenith::services
