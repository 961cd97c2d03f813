#include "scripted_port.hpp"

#include <algorithm>

namespace zenith::gateway::test {

using messages::ChoiceEnd;
using messages::Delta;
using messages::Event;
using messages::Finished;
using messages::Started;

ScriptedPort::ScriptedPort() : thread_([this] { work(); }) {}

ScriptedPort::~ScriptedPort() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void ScriptedPort::set(Script script) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(script);
}

void ScriptedPort::set_health(messages::Health health) {
  const std::lock_guard lock(mutex_);
  health_ = health;
}

std::deque<Event> ScriptedPort::play(const messages::Generate& request) const {
  std::deque<Event> events;
  if (script_.error && script_.error_first) {
    events.push_back(*script_.error);
    return events;
  }
  if (request.model != "fake" && request.model != "org/alias") {
    events.push_back(Error{Errc::not_found,
                           "there is no model \"" + request.model + "\": known are fake, org/alias, fake-embed",
                           "model",
                           {}});
    return events;
  }
  events.push_back(Started{script_.prompt_tokens});
  std::vector<std::string> deltas = script_.deltas;
  if (script_.echo_prompt) {
    if (const auto* chat = std::get_if<messages::Chat>(&request.prompt))
      deltas = {chat->messages.back().text_parts.back()};
    if (const auto* text = std::get_if<std::string>(&request.prompt)) deltas = {*text};
  }
  for (const auto& stop : request.stop) {
    std::string all;
    for (const auto& delta : deltas) all += delta;
    if (const auto at = all.find(stop); at != std::string::npos) deltas = {all.substr(0, at)};
  }
  std::uint32_t made = 0;
  const auto limit = request.max_tokens.value_or(UINT32_MAX);
  bool cut = false;
  for (std::size_t r = 0; r < script_.repeat && !cut; ++r) {
    for (std::size_t i = 0; i < deltas.size() && !cut; ++i) {
      if (made / request.choices >= limit) {
        cut = true;
        break;
      }
      for (std::uint32_t c = 0; c < request.choices; ++c) {
        Delta delta{c, deltas[i], r == 0 && i == 0 ? script_.reasoning : std::string{}, {}};
        if (request.logprobs) {
          messages::TokenLogprobs token{{static_cast<TokenId>(i), deltas[i], -0.5F}, {}};
          for (std::uint32_t t = 0; t < request.top_logprobs; ++t)
            token.top.push_back(
                {static_cast<TokenId>(t), std::string("t").append(std::to_string(t)), -1.0F * static_cast<float>(t)});
          delta.logprobs.push_back(std::move(token));
        }
        events.push_back(std::move(delta));
        ++made;
      }
    }
  }
  if (script_.hold || script_.drop) return events;
  if (script_.error) {
    events.push_back(*script_.error);
    return events;
  }
  for (std::uint32_t c = 0; c < request.choices; ++c)
    events.push_back(ChoiceEnd{c, cut ? messages::FinishReason::length : messages::FinishReason::stop});
  Finished finished;
  finished.usage = {script_.prompt_tokens, made, 0, 0};
  finished.timings = {script_.prompt_tokens, made, 0, 0.1, 1.5, 3.0};
  events.push_back(finished);
  return events;
}

void ScriptedPort::generate(messages::Generate request, std::shared_ptr<EventSink> sink) {
  const std::lock_guard lock(mutex_);
  Running run;
  run.events = play(request);
  run.credit = request.credit_events;
  run.hold = script_.hold;
  run.drop = script_.drop;
  run.sink = std::move(sink);
  seen_.generates.push_back(request);
  const auto id = request.header.id;
  run.request = std::move(request);
  running_.emplace(id, std::move(run));
  wake_.notify_all();
  changed_.notify_all();
}

void ScriptedPort::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto at = std::find_if(running_.begin(), running_.end(), [](const auto& item) {
      const Running& r = item.second;
      return (r.credit > 0 && !r.events.empty()) || (r.events.empty() && r.drop);
    });
    if (at == running_.end()) {
      if (stop_) return;
      wake_.wait(lock);
      continue;
    }
    Running& run = at->second;
    if (run.events.empty()) {
      auto sink = std::move(run.sink);
      running_.erase(at);
      lock.unlock();
      sink.reset();
      lock.lock();
      continue;
    }
    --run.credit;
    ++seen_.events_sent;
    Event event = std::move(run.events.front());
    run.events.pop_front();
    auto sink = run.sink;
    if (messages::is_last(event)) running_.erase(at);
    changed_.notify_all();
    lock.unlock();
    sink->on_event(std::move(event));
    sink.reset();
    lock.lock();
  }
}

void ScriptedPort::speak(messages::Speak request, std::shared_ptr<EventSink> sink) {
  const std::lock_guard lock(mutex_);
  Running run;
  if (!script_.error_first) {
    run.events = {messages::Audio{22'050, {1, -2, 3}}, messages::Audio{22'050, {4, 5}}};
  }
  if (script_.error) {
    run.events.emplace_back(*script_.error);
  } else if (!script_.hold) {
    run.events.emplace_back(messages::Finished{});
  }
  run.credit = request.credit_events;
  run.hold = script_.hold;
  run.sink = std::move(sink);
  const auto id = request.header.id;
  seen_.speaks.push_back(std::move(request));
  running_.emplace(id, std::move(run));
  wake_.notify_all();
  changed_.notify_all();
}

void ScriptedPort::watch(messages::Watch request, std::shared_ptr<EventSink> sink) {
  const std::lock_guard lock(mutex_);
  Running run;
  if (request.model == "missing") {
    run.events.emplace_back(
        Error{Errc::not_found, "there is no sensor \"missing\": known are fake.level", "sensor_id", {}});
  } else {
    messages::Frames one;
    one.dtype = messages::SampleType::i16;
    one.dims = {2};
    one.heads = {{3, 30, 300, messages::kFrameSimulated}};
    one.data = Buffer::of(std::string{"\x01\x00\xff\xff", 4});
    one.next = 4;
    messages::Frames two = one;
    two.heads = {{7, 70, 700, messages::kFrameGap}, {8, 80, 800, 0}};
    two.data = Buffer::of(std::string{"\x02\x00\x03\x00\x04\x00\x05\x00", 8});
    two.next = 9;
    two.lost = messages::SeqRange{4, 6};
    run.events = {one, two};
    if (script_.error) {
      run.events.emplace_back(*script_.error);
    } else if (!script_.hold) {
      run.events.emplace_back(messages::Finished{});
    }
  }
  run.credit = request.credit_events;
  run.hold = script_.hold;
  run.sink = std::move(sink);
  const auto id = request.header.id;
  seen_.watches.push_back(std::move(request));
  running_.emplace(id, std::move(run));
  wake_.notify_all();
  changed_.notify_all();
}

void ScriptedPort::grant(RequestId id, std::uint32_t events) {
  const std::lock_guard lock(mutex_);
  seen_.granted[id] += events;
  if (const auto at = running_.find(id); at != running_.end()) at->second.credit += events;
  wake_.notify_all();
  changed_.notify_all();
}

void ScriptedPort::cancel(RequestId id) {
  const std::lock_guard lock(mutex_);
  seen_.cancelled.push_back(id);
  if (const auto at = running_.find(id); at != running_.end()) {
    at->second.events = {Error{Errc::cancelled, "cancelled", {}, {}}};
    at->second.credit += 1;
  }
  wake_.notify_all();
  changed_.notify_all();
}

namespace {

/// "missing" is the one model that nobody has.
template <class T>
bool refused(const std::string& model, const Reply<T>& reply) {
  if (model != "missing") return false;
  reply(fail(Errc::not_found, "there is no model \"missing\": known are fake, fake-embed", "model"));
  return true;
}

}  // namespace

void ScriptedPort::embed(messages::Embed request, Reply<messages::Embeddings> reply) {
  if (refused(request.model, reply)) return;
  messages::Embeddings out;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) out.vectors.push_back({0.6F, 0.8F, static_cast<float>(i)});
  out.prompt_tokens = static_cast<std::uint32_t>(request.inputs.size());
  {
    const std::lock_guard lock(mutex_);
    seen_.embeds.push_back(std::move(request));
  }
  reply(std::move(out));
}

void ScriptedPort::tokenize(messages::Tokenize request, Reply<messages::Tokens> reply) {
  if (refused(request.model, reply)) return;
  messages::Tokens out;
  for (const char c : request.content) out.tokens.push_back(static_cast<unsigned char>(c));
  {
    const std::lock_guard lock(mutex_);
    seen_.tokenizes.push_back(std::move(request));
  }
  reply(std::move(out));
}

void ScriptedPort::detokenize(messages::Detokenize request, Reply<messages::Text> reply) {
  if (refused(request.model, reply)) return;
  messages::Text out;
  for (const auto token : request.tokens) out.text.push_back(static_cast<char>(token));
  reply(std::move(out));
}

void ScriptedPort::apply_template(messages::ApplyTemplate request, Reply<messages::Text> reply) {
  if (refused(request.model, reply)) return;
  messages::Text out;
  for (const auto& m : request.chat.messages) {
    out.text += "<" + m.role + ">";
    for (const auto& part : m.text_parts) out.text += part;
  }
  {
    const std::lock_guard lock(mutex_);
    seen_.templates.push_back(std::move(request));
  }
  reply(std::move(out));
}

void ScriptedPort::transcribe(messages::Transcribe request, Reply<messages::Transcript> reply) {
  if (refused(request.model, reply)) return;
  messages::Transcript out{"english",
                           2.5,
                           {{0.25, 1.5, " Hello there.", {50'364, 7, 50'426}, -0.25F, 0.125F, 1.5F, 0},
                            {1.5, 2.25, " Bye.", {50'426, 8, 50'464}, -0.5F, 0.125F, 1.5F, 0}}};
  std::optional<Error> error;
  {
    const std::lock_guard lock(mutex_);
    seen_.transcribes.push_back(std::move(request));
    error = script_.error;
  }
  if (error) return reply(tl::make_unexpected(*error));
  reply(std::move(out));
}

void ScriptedPort::read_image(messages::ReadImage request, Reply<messages::ImageReading> reply) {
  if (refused(request.model, reply)) return;
  messages::ImageReading out;
  out.width = 640;
  out.height = static_cast<std::uint32_t>(request.image.size());
  out.lines.push_back({"PLATFORM 9", {1, 2, 101, 2, 101, 22, 1, 22}, 0.875F});
  if (request.mode == messages::ReadMode::ui) {
    out.elements.push_back({messages::ElementRole::box, "", {0, 0, 200, 100}, 0.5F, true, {1}});
    out.elements.push_back({messages::ElementRole::button, "PLATFORM 9", {1, 2, 101, 22}, 0.875F, false, {}});
    out.reading_order = {1};
  }
  std::optional<Error> error;
  {
    const std::lock_guard lock(mutex_);
    seen_.images.push_back(std::move(request));
    if (script_.error && script_.error_first) error = script_.error;
  }
  changed_.notify_all();
  if (error) return reply(tl::make_unexpected(*error));
  reply(std::move(out));
}

void ScriptedPort::read_window(messages::ReadWindow request, Reply<messages::Window> reply) {
  if (refused(request.model, reply)) return;
  messages::Window out{request.model,     "Cel", request.window, 2, 1, 1, 1.5, {{"level", 20.5, 20, 21, 21, 0.5}},
                       "two measurements"};
  {
    const std::lock_guard lock(mutex_);
    seen_.windows.push_back(std::move(request));
  }
  reply(std::move(out));
}

void ScriptedPort::set_sensor(messages::SetSensor request, Reply<messages::Text> reply) {
  if (refused(request.model, reply)) return;
  messages::Text out{request.run ? "ready" : "stopped"};
  {
    const std::lock_guard lock(mutex_);
    seen_.sensor_sets.push_back(std::move(request));
  }
  reply(std::move(out));
}

void ScriptedPort::load_sensor(messages::LoadSensor request, Reply<messages::Text> reply) {
  {
    const std::lock_guard lock(mutex_);
    seen_.sensor_loads.push_back(std::move(request));
  }
  reply(messages::Text{"sensor-1"});
}

void ScriptedPort::unload_sensor(messages::UnloadSensor request, Reply<messages::Text> reply) {
  if (refused(request.id, reply)) return;
  {
    const std::lock_guard lock(mutex_);
    seen_.sensor_unloads.push_back(std::move(request));
  }
  reply(messages::Text{"sensor-1"});
}

messages::SystemStatus ScriptedPort::system() const {
  messages::SystemStatus status;
  for (auto& service : snapshot().services) {
    messages::ServiceLine line;
    line.status = std::move(service);
    line.load = {1, 2, 64, 3, 100, 4};
    line.endpoint = "ipc:///run/text.sock";
    line.generation = Generation{0xab};
    status.services.push_back(std::move(line));
  }
  status.overall = snapshot().overall;
  messages::LinkLine link;
  link.peer = "text-1";
  link.open_requests = 2;
  link.round_trip = std::chrono::microseconds(80);
  status.links.push_back(link);
  return status;
}

messages::Snapshot ScriptedPort::snapshot() const {
  const std::lock_guard lock(mutex_);
  messages::Snapshot s;
  s.overall = health_;
  s.services = {{messages::Role::router, "router-0", messages::Health::ready, {}, {}},
                {messages::Role::text, "text-0", health_, "fake", "a scripted engine"}};
  messages::ModelEntry fake{
      "fake", messages::ModelKind::generate, {}, {"text"}, {"text"}, 2048, "apache-2.0", "llama", {}, 1'700'000'000};
  messages::ModelEntry alias = fake;
  alias.name = "org/alias";
  alias.alias_of = "fake";
  messages::ModelEntry embed{
      "fake-embed", messages::ModelKind::embed, {}, {"text"}, {"embedding"}, 512, "apache-2.0", "bert", {},
      1'700'000'000};
  s.models = {fake, alias, embed};
  if (script_.speaks) {
    messages::ModelEntry voice{"fake-voice", messages::ModelKind::speech, {}, {"text"}, {"audio"}};
    voice.voices = {"joe"};
    s.models.push_back(std::move(voice));
  }
  messages::SensorStatus level;
  level.status = {messages::Role::sensor, "sensor-1:fake.level", messages::Health::ready, "fake.level", ""};
  level.entry.emplace();
  level.entry->name = "fake.level";
  level.entry->kind = messages::ModelKind::sensor;
  level.entry->sensor = messages::SensorEntry{
      "fake", "1.0.0", "test", "level", "Cel", messages::SampleType::i16, {2}, {"low", "high"}, 10};
  messages::SensorStatus broken;
  broken.status = {messages::Role::sensor, "sensor-2", messages::Health::failed, "", "quarantined: another ABI"};
  messages::SensorStatus process;
  process.status = {messages::Role::sensor, "sensor-1", messages::Health::ready, "", ""};
  s.sensors = {process, level, broken};
  return s;
}

ScriptedPort::Seen ScriptedPort::seen() const {
  const std::lock_guard lock(mutex_);
  return seen_;
}

bool ScriptedPort::wait_until(const std::function<bool(const Seen&)>& holds) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(5), [&] { return holds(seen_); });
}

}  // namespace zenith::gateway::test
