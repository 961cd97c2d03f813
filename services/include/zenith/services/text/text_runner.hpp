// The lane's side of a text service: sequences with their pages, samplers and text, and the forward pass.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "zenith/models/engine/model.hpp"
#include "zenith/models/sampler/sampler.hpp"
#include "zenith/models/sampler/text_stream.hpp"
#include "zenith/services/text/step.hpp"

namespace zenith::services {

/// The tags between which a model thinks aloud.
struct ReasoningTags {
  std::string open, close;
};

/// One thread at a time (the lane). Borrows model, tokenizer and pool.
class TextRunner {
 public:
  ~TextRunner();
  TextRunner(const TextRunner&) = delete;
  TextRunner& operator=(const TextRunner&) = delete;
  TextRunner(models::Model& model, const models::Tokenizer& tokenizer, models::KvPool& pool,
             std::optional<ReasoningTags> reasoning, const Clock& clock);

  /// Carries out the plan. Never throws: what goes wrong is in the report, at the sequences that it concerns. A
  /// sequence that has ended or failed has given its pages back.
  StepReport run(const StepPlan& plan, kernels::Exec& ex) noexcept;

 private:
  struct Live;
  void open(const OpenSequence& opening);
  void replay(Live& live);
  struct Part;
  void forward(const std::vector<Work>& work, double worth, StepReport& report, kernels::Exec& ex);
  void one_by_one(const std::vector<Work>& work, StepReport& report, kernels::Exec& ex);
  void sample(Part& part, View2<float> logits);
  void after_logits(Live& live, std::span<float> logits, SequenceStep& step);
  void take_token(Live& live, TokenId token, SequenceStep& step);
  void append_text(Live& live, std::string_view text, SequenceStep& step);
  void end(Live& live, messages::FinishReason reason, SequenceStep& step);

  models::Model& model_;
  const models::Tokenizer& tokenizer_;
  models::KvPool& pool_;
  std::optional<ReasoningTags> reasoning_;
  const Clock& clock_;
  std::unordered_map<SequenceId, std::unique_ptr<Live>> live_;
  std::vector<float> logits_;
};

}  // namespace zenith::services
