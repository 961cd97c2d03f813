// One body at the end.
#include "api/members.hpp"
#include "api/receipt.hpp"
#include "api/render_parts.hpp"

namespace zenith::gateway {
namespace {

class BodyRenderer final : public Renderer {
 public:
  explicit BodyRenderer(AnswerHead head) : head_(std::move(head)), choices_(head_.choices) {}

  void on(const messages::Event& event, std::vector<std::string>&) override {
    if (const auto* delta = std::get_if<messages::Delta>(&event); delta != nullptr && delta->choice < choices_.size()) {
      auto& c = choices_[delta->choice];
      c.content += delta->content;
      c.reasoning += delta->reasoning;
      c.logprobs.insert(c.logprobs.end(), delta->logprobs.begin(), delta->logprobs.end());
    } else if (const auto* end = std::get_if<messages::ChoiceEnd>(&event);
               end != nullptr && end->choice < choices_.size()) {
      choices_[end->choice].reason = end->reason;
    } else if (const auto* finished = std::get_if<messages::Finished>(&event)) {
      finished_ = *finished;
    }
  }

  std::string body() override {
    JsonWriter w;
    w.begin_object();
    write_head(w, head_, false);
    w.key("choices").begin_array();
    for (std::size_t i = 0; i < choices_.size(); ++i) write_choice(w, i, choices_[i]);
    w.end_array().key("usage");
    write_usage(w, finished_.usage);
    w.key("timings");
    write_timings(w, finished_.timings);
    w.end_object();
    const auto member = head_.zenith ? head_.zenith(finished_) : std::string{};
    return member.empty() ? w.take() : with_member(w.take(), member);
  }

  void sound(std::string_view bytes, std::vector<std::string>&) override { sound_ = base64(bytes); }

 private:
  struct Choice {
    std::string content, reasoning;
    std::vector<messages::TokenLogprobs> logprobs;
    messages::FinishReason reason = messages::FinishReason::stop;
  };

  void write_choice(JsonWriter& w, std::size_t index, const Choice& c) const {
    w.begin_object().key("index").integer(static_cast<std::int64_t>(index));
    if (head_.shape == Shape::chat) {
      w.key("message").begin_object().key("role").string("assistant").key("content");
      if (head_.audio_id.empty()) {
        w.string(c.content);
      } else {
        w.null().key("audio").begin_object().key("id").string(head_.audio_id).key("data").string(sound_);
        w.key("expires_at").integer(head_.created).key("transcript").string(c.content).end_object();
      }
      if (!c.reasoning.empty()) w.key("reasoning_content").string(c.reasoning);
      w.key("refusal").null().end_object();
    } else {
      w.key("text").string(c.content);
    }
    w.key("logprobs");
    if (!head_.logprobs) {
      w.null();
    } else if (head_.shape == Shape::chat) {
      write_chat_logprobs(w, c.logprobs);
    } else {
      write_completion_logprobs(w, c.logprobs, 0);
    }
    w.key("finish_reason").string(finish_text(c.reason)).end_object();
  }

  AnswerHead head_;
  std::vector<Choice> choices_;
  messages::Finished finished_;
  std::string sound_;  // base64
};

}  // namespace

std::unique_ptr<Renderer> body_renderer(AnswerHead head) { return std::make_unique<BodyRenderer>(std::move(head)); }

}  // namespace zenith::gateway
