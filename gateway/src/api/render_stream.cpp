// Chunks: the role first, the finish reason last, then usage with no choices.
#include "api/members.hpp"
#include "api/render_parts.hpp"

namespace zenith::gateway {
namespace {

using messages::ChoiceEnd;
using messages::Delta;
using messages::Finished;
using messages::Started;

class StreamRenderer final : public Renderer {
 public:
  explicit StreamRenderer(AnswerHead head) : head_(std::move(head)), offsets_(head_.choices, 0) {
    JsonWriter w;
    w.begin_object();
    write_head(w, head_, true);
    prefix_ = w.take();
  }

  void on(const messages::Event& event, std::vector<std::string>& chunks) override {
    if (std::holds_alternative<Started>(event)) return started(chunks);
    if (const auto* delta = std::get_if<Delta>(&event)) return chunks.push_back(content(*delta));
    if (const auto* end = std::get_if<ChoiceEnd>(&event)) return ended(*end, chunks);
    if (const auto* finished = std::get_if<Finished>(&event)) return last(*finished, chunks);
  }

  void sound(std::string_view bytes, std::vector<std::string>& chunks) override {
    JsonWriter w;
    w.begin_object();
    write_audio(w, "data", base64(bytes));
    w.end_object();
    chunks.push_back(close(choice(0, w.text(), "null", {})));
  }

 private:
  void started(std::vector<std::string>& chunks) {
    if (head_.shape == Shape::completion) return;
    for (std::uint32_t i = 0; i < head_.choices; ++i) {
      chunks.push_back(close(
          choice(i, head_.audio_id.empty() ? R"({"role":"assistant","content":""})" : spoken_role(), "null", {})));
    }
  }

  std::string spoken_role() const {
    JsonWriter w;
    w.begin_object().key("role").string("assistant").key("content").null().key("audio").begin_object();
    w.key("id").string(head_.audio_id).key("transcript").string("").end_object().end_object();
    return w.take();
  }

  std::string content(const Delta& d) {
    JsonWriter logprobs;
    if (!head_.logprobs) {
      logprobs.null();
    } else if (head_.shape == Shape::chat) {
      write_chat_logprobs(logprobs, d.logprobs);
    } else {
      write_completion_logprobs(logprobs, d.logprobs, offset(d.choice));
    }
    if (d.choice < offsets_.size()) offsets_[d.choice] += characters(d.content);
    JsonWriter w;
    if (head_.shape == Shape::completion) {
      w.string(d.content);
    } else {
      w.begin_object();
      if (!d.reasoning.empty()) w.key("reasoning_content").string(d.reasoning);
      if (!head_.audio_id.empty()) {
        write_audio(w, "transcript", d.content);
      } else if (!d.content.empty() || d.reasoning.empty()) {
        w.key("content").string(d.content);
      }
      w.end_object();
    }
    return close(choice(d.choice, w.text(), logprobs.text(), {}));
  }

  void write_audio(JsonWriter& w, std::string_view key, std::string_view text) const {
    w.key("audio").begin_object().key("id").string(head_.audio_id).key(key).string(text).end_object();
  }

  void sound_ends(std::vector<std::string>& chunks) const {
    JsonWriter w;
    w.begin_object().key("audio").begin_object().key("id").string(head_.audio_id);
    w.key("expires_at").integer(head_.created).end_object().end_object();
    chunks.push_back(close(choice(0, w.text(), "null", {})));
  }

  // The last choice's end waits for the timings, which come right after it.
  void ended(const ChoiceEnd& end, std::vector<std::string>& chunks) {
    auto chunk = choice(end.choice, head_.shape == Shape::chat ? "{}" : R"("")", "null", finish_text(end.reason));
    if (++ended_ < head_.choices) return chunks.push_back(close(std::move(chunk)));
    held_ = std::move(chunk);
  }

  void last(const Finished& f, std::vector<std::string>& chunks) {
    JsonWriter timings;
    write_timings(timings, f.timings);
    const std::string member = head_.zenith ? head_.zenith(f) : std::string{};
    const std::string zenith = member.empty() ? "" : "," + member;
    if (!head_.audio_id.empty()) sound_ends(chunks);
    if (!held_.empty()) chunks.push_back(close(held_ + ",\"timings\":" + timings.text() + zenith));
    held_.clear();
    if (!head_.include_usage) return;
    JsonWriter usage;
    write_usage(usage, f.usage);
    chunks.push_back(prefix_ + ",\"choices\":[],\"usage\":" + usage.text() + ",\"timings\":" + timings.text() + zenith +
                     "}");
  }

  /// A chunk without its end.
  std::string choice(std::uint32_t index, std::string_view payload, std::string_view logprobs,
                     std::string_view finish) const {
    std::string out = prefix_;
    out += ",\"choices\":[{\"index\":" + std::to_string(index);
    out += head_.shape == Shape::chat ? ",\"delta\":" : ",\"text\":";
    out += payload;
    out += ",\"logprobs\":";
    out += logprobs;
    out += ",\"finish_reason\":";
    if (finish.empty()) {
      out += "null";
    } else {
      append_json_string(out, finish);
    }
    out += "}]";
    return out;
  }
  std::string close(std::string chunk) const { return chunk.append(head_.include_usage ? ",\"usage\":null}" : "}"); }
  std::size_t offset(std::uint32_t choice) const noexcept { return choice < offsets_.size() ? offsets_[choice] : 0; }

  AnswerHead head_;
  std::string prefix_, held_;
  std::vector<std::size_t> offsets_;
  std::uint32_t ended_ = 0;
};

}  // namespace

std::unique_ptr<Renderer> stream_renderer(AnswerHead head) { return std::make_unique<StreamRenderer>(std::move(head)); }

}  // namespace zenith::gateway
