#include "realtime/session.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace zenith::gateway::realtime {
namespace {

/// A service's end of one task. Any thread.
class TaskSink final : public EventSink {
 public:
  TaskSink(std::shared_ptr<Loop> loop, std::weak_ptr<RealtimeSession> session, TaskId task)
      : loop_(std::move(loop)), session_(std::move(session)), task_(task) {}
  ~TaskSink() override { on_event(Error{Errc::internal, "the service dropped the request without an answer", {}, {}}); }
  void on_event(messages::Event event) override {
    loop_->post([session = session_, task = task_, event = std::move(event)]() mutable {
      if (const auto s = session.lock()) s->on_event(task, std::move(event));
    });
  }

 private:
  std::shared_ptr<Loop> loop_;
  std::weak_ptr<RealtimeSession> session_;
  TaskId task_;
};

Setup setup_of(Gateway& gateway, const Call& handshake, std::string model) {
  Setup setup;
  setup.unique = fmt::format("{}{:08x}", gateway.epoch, handshake.id.value);
  setup.model = std::move(model);
  setup.activity = gateway.options.voice_activity;
  setup.clock = &gateway.effects.clock();
  setup.snapshot = [&gateway] { return gateway.port.snapshot(); };
  setup.room = [&gateway](std::size_t bytes) {
    return gateway.realtime_bytes + bytes <= gateway.options.limits.realtime_buffered_bytes;
  };
  return setup;
}

std::string first_that_transcribes(const messages::Snapshot& models) {
  const auto found = std::find_if(models.models.begin(), models.models.end(), [](const auto& model) {
    return model.kind == messages::ModelKind::transcription && model.alias_of.empty();
  });
  return found == models.models.end() ? std::string{} : found->name;
}

/// A little after one event, so that not every token becomes a message back.
constexpr std::uint32_t kGrantLump = 16;

}  // namespace

RealtimeSession::RealtimeSession(const Call& handshake, std::string model, SocketHost host)
    : gateway_(handshake.gateway),
      key_(handshake.key),
      trace_(handshake.trace),
      host_(std::move(host)),
      conversation_([&] {
        auto setup = setup_of(gateway_, handshake, std::move(model));
        setup.admit = [this] { return admit(); };
        return setup;
      }()) {}

RealtimeSession::~RealtimeSession() { gateway_.realtime_bytes -= counted_bytes_; }

void RealtimeSession::begin() {
  outlet_ = host_.make_outlet();
  outlet_->on_written = [weak = weak_from_this()](std::uint32_t) {
    if (const auto s = weak.lock()) s->written();
  };
  conversation_.start();
  perform();
}

void RealtimeSession::on_message(std::string text) {
  conversation_.on_message(text);
  perform();
  hear();
}

bool RealtimeSession::on_binary() {
  conversation_.on_binary();
  perform();
  return true;
}

// Slice by slice, so that one client's long append does not hold up the others.
void RealtimeSession::hear() {
  if (closed_) return;
  const bool more = conversation_.hear();
  perform();
  count_buffered();
  if (!more) {
    if (std::exchange(hearing_, false) && !busy()) host_.resume();
    return;
  }
  hearing_ = true;
  gateway_.loop->post([weak = weak_from_this()] {
    if (const auto s = weak.lock()) s->hear();
  });
}

void RealtimeSession::count_buffered() {
  const std::size_t now = conversation_.buffered_bytes();
  gateway_.realtime_bytes += now - counted_bytes_;
  counted_bytes_ = now;
}

void RealtimeSession::on_alarm() {
  alarm_.reset();
  conversation_.on_alarm();
  perform();
}

void RealtimeSession::on_closed() {
  if (std::exchange(closed_, true)) return;
  for (const auto& [task, id] : running_) gateway_.port.cancel(id);
  running_.clear();
  if (response_.value != 0) {
    gateway_.work_ends(response_);
    write_down(499);
    gateway_.count("/v1/realtime response", 499, gateway_.effects.clock().now() - response_began_);
    response_ = {};
  }
  waiting_.clear();
  waiting_bytes_ = 0;
}

Status RealtimeSession::admit() {
  if (gateway_.draining())
    return tl::make_unexpected(Error{Errc::draining, "the server is shutting down", {}, std::chrono::seconds{5}});
  return gateway_.take_request(key_);
}

messages::Header RealtimeSession::header_for(TaskId task) {
  messages::Header header;
  header.id = running_[task] = gateway_.effects.next_request_id();
  header.tenant = key_ != nullptr ? key_->tenant : TenantId{};
  header.deadline = Deadline{gateway_.effects.clock().now() + gateway_.options.limits.request_deadline};
  header.priority = messages::Priority::interactive;
  header.trace = trace_;
  header.receipt = receipt_;
  return header;
}

void RealtimeSession::on_event(TaskId task, messages::Event event) {
  const auto found = running_.find(task);
  if (closed_ || found == running_.end()) return;
  if (messages::is_last(event)) {
    running_.erase(found);
    ungranted_.erase(task);
  }
  conversation_.on_event(task, std::move(event));
  perform();
}

void RealtimeSession::perform() {
  if (std::exchange(performing_, true)) return;  // who called first goes on until nothing is left
  for (auto effects = conversation_.take_effects(); !effects.empty(); effects = conversation_.take_effects()) {
    for (auto& effect : effects) {
      if (!closed_) std::visit([this](auto& e) { perform(e); }, effect);
    }
  }
  performing_ = false;
  if (closed_) return;
  send();
  if (conversation_.alarm() != alarm_) host_.set_alarm(alarm_ = conversation_.alarm());
}

void RealtimeSession::perform(Say& say) {
  waiting_bytes_ += say.json.size();
  waiting_.push_back(std::move(say));
}

void RealtimeSession::perform(BeginTranscription& begin) {
  messages::Transcribe request;
  request.model = begin.model.empty() ? first_that_transcribes(gateway_.port.snapshot()) : std::move(begin.model);
  if (request.model.empty()) {
    return conversation_.on_transcript(
        begin.id, Error{Errc::unavailable, "nothing here transcribes: no service does so, or it is not up", {}, {}});
  }
  request.language = std::move(begin.language);
  request.audio = Buffer::of(wav_file(InputAudio::kRate, begin.samples));
  request.header = header_for(begin.id);
  gateway_.port.transcribe(std::move(request), [loop = gateway_.loop, session = weak_from_this(),
                                                task = begin.id](Expected<messages::Transcript> reply) {
    loop->post([session, task, reply = std::move(reply)] {
      if (const auto s = session.lock()) s->on_transcript(task, reply);
    });
  });
}

void RealtimeSession::on_transcript(TaskId task, const Expected<messages::Transcript>& reply) {
  if (closed_ || running_.erase(task) == 0) return;
  if (!reply) {
    conversation_.on_transcript(task, reply.error());
    return perform();
  }
  std::string all;
  for (const auto& segment : reply->segments) {
    const auto begin = all.empty() ? std::min(segment.text.find_first_not_of(' '), segment.text.size()) : 0;
    conversation_.on_transcript(task, Heard{segment.text.substr(begin)});
    all += segment.text.substr(begin);
  }
  conversation_.on_transcript(task, Transcribed{std::move(all)});
  perform();
}

void RealtimeSession::perform(BeginGeneration& begin) {
  begin.request.header = header_for(begin.id);
  gateway_.port.generate(std::move(begin.request),
                         std::make_shared<TaskSink>(gateway_.loop, weak_from_this(), begin.id));
}

void RealtimeSession::perform(BeginSpeech& begin) {
  begin.request.header = header_for(begin.id);
  gateway_.port.speak(std::move(begin.request), std::make_shared<TaskSink>(gateway_.loop, weak_from_this(), begin.id));
}

void RealtimeSession::perform(Grant& grant) {
  const auto task = running_.find(grant.id);
  if (task == running_.end()) return;
  // Speech has few, large events: each counts at once. A generation's go in lumps.
  auto& owed = ++ungranted_[grant.id];
  const bool speech = conversation_.speaks(grant.id);
  if (!speech && owed < kGrantLump) return;
  gateway_.port.grant(task->second, std::exchange(owed, 0));
}

void RealtimeSession::perform(Cancel& cancel) {
  const auto task = running_.find(cancel.id);
  if (task == running_.end()) return;
  gateway_.port.cancel(task->second);
  running_.erase(task);
  ungranted_.erase(cancel.id);
}

void RealtimeSession::perform(DropAudio&) {
  std::erase_if(waiting_, [this](const Say& say) {
    if (say.audio) waiting_bytes_ -= say.json.size();
    return say.audio;
  });
}

void RealtimeSession::perform(ResponseBegan&) {
  response_ = gateway_.effects.next_request_id();
  response_began_ = gateway_.effects.clock().now();
  gateway_.work_begins(response_, [weak = weak_from_this()](const Error& error) {
    const auto s = weak.lock();
    if (!s || s->closed_) return;
    s->conversation_.fail_response(error);
    s->perform();
  });
}

void RealtimeSession::perform(ResponseEnded& ended) {
  if (key_ != nullptr) key_->tokens.take(static_cast<double>(ended.tokens), gateway_.effects.clock().now());
  gateway_.count("/v1/realtime response", ended.http_status, gateway_.effects.clock().now() - response_began_);
  write_down(ended.http_status);
  const RequestId id = std::exchange(response_, {});
  send();  // a drain that waited for it closes the connection after what was said
  gateway_.work_ends(id);
}

// One trace for a conversation, one span for each response; what was heard before it belongs to it.
void RealtimeSession::write_down(int status) {
  const auto done = std::exchange(receipt_, std::make_shared<messages::Receipt>());
  TraceRecord record;
  record.root = trace_;
  record.root.span_id = messages::span_below(trace_.span_id, response_.value);
  record.parent = trace_.span_id;
  record.name = "/v1/realtime response";
  record.request_id = std::to_string(response_.value);
  record.begun = response_began_;
  record.ended = gateway_.effects.clock().now();
  record.status = status;
  record.hops = done->hops();
  gateway_.finished(std::move(record));
}

void RealtimeSession::send() {
  while (!waiting_.empty() && outlet_->buffered() < kAhead && !closed_) {
    Say say = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= say.json.size();
    in_socket_.push_back(say.credit);
    outlet_->send(std::move(say.json), 1);
  }
}

void RealtimeSession::written() {
  if (in_socket_.empty() || closed_) return;
  const bool was_busy = busy();
  const TaskId task = in_socket_.front();
  in_socket_.pop_front();
  Grant grant{task};
  if (task != 0) perform(grant);
  send();
  if (was_busy && !busy()) host_.resume();
}

}  // namespace zenith::gateway::realtime
