#include "zenith/services/text/embed_core.hpp"

#include <utility>

namespace zenith::services {

void EmbedCore::push(EmbedJob job) {
  const auto shared = std::make_shared<EmbedJob>(std::move(job));
  shared->left = shared->inputs.size();
  shared->result.vectors.resize(shared->inputs.size());
  if (shared->left == 0) {
    shared->answer.keep(std::move(shared->result));
    return;
  }
  for (std::size_t i = 0; i < shared->inputs.size(); ++i) {
    shared->result.prompt_tokens += static_cast<std::uint32_t>(shared->inputs[i].size());
    waiting_.push(shared->header.priority, shared->header.tenant, {shared, i});
  }
}

std::vector<EmbedItem> EmbedCore::next_pass(Instant now) {
  std::vector<EmbedItem> pass;
  if (in_flight_) return pass;
  std::size_t rows = 0;
  while (EmbedItem* next = waiting_.front()) {
    const std::shared_ptr<EmbedJob> job = next->job;
    if (job->header.deadline.passed(now))
      job->answer.break_with({Errc::deadline, "the request's time is over", {}, {}});
    if (job->answer.kept()) {
      waiting_.pop();
      continue;
    }
    const std::size_t size = job->inputs[next->input].size();
    if (!pass.empty() && rows + size > rows_) break;
    rows += size;
    if (job->watch && !std::exchange(job->begun, true)) job->watch->begin();
    pass.push_back(waiting_.pop());
  }
  in_flight_ = !pass.empty();
  return pass;
}

void EmbedCore::pass_done(EmbedReport report) {
  in_flight_ = false;
  for (std::size_t i = 0; i < report.items.size(); ++i) {
    EmbedJob& job = *report.items[i].job;
    if (report.error || i >= report.vectors.size()) {
      job.answer.break_with(report.error.value_or(Error{Errc::internal, "a pass gave too few vectors", {}, {}}));
      continue;
    }
    job.result.vectors[report.items[i].input] = std::move(report.vectors[i]);
    if (--job.left > 0) continue;
    if (job.watch) job.result.spent = job.watch->end();
    job.answer.keep(std::move(job.result));
  }
}

}  // namespace zenith::services
