#include "bench_wire_link.hpp"

#include <algorithm>
#include <cstring>
#include <variant>

namespace zenith::tools {

using links::LinkMessage;
using wire::Kind;

double micros(Instant from, Instant to) { return std::chrono::duration<double, std::micro>(to - from).count(); }

wire::Message bench_request(std::uint64_t id, Buffer payload) {
  wire::Message request;
  request.header.kind = Kind::request;
  request.header.request_id = id;
  request.header.budget_us = 10'000'000;
  request.header.trace_id.fill(7);
  request.header.span_id.fill(9);
  const auto size = static_cast<std::uint32_t>(payload.size());
  request.tensors.push_back({DType::i8, 1, {size}, std::move(payload)});
  return request;
}

// ---- between the actor and the thread that measures

void SeriesResult::set_up() {
  const std::lock_guard lock(mutex_);
  up_ = true;
  changed_.notify_all();
}

void SeriesResult::finish(std::vector<double> times) {
  const std::lock_guard lock(mutex_);
  times_ = std::move(times);
  done_ = true;
  changed_.notify_all();
}

void SeriesResult::fail(std::string why) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(why);
  changed_.notify_all();
}

Status SeriesResult::wait_until_up() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(10), [&] { return up_ || !failure_.empty(); });
  if (up_ && failure_.empty()) return {};
  return zenith::fail(Errc::io, failure_.empty() ? "the link does not come up" : failure_);
}

Expected<std::vector<double>> SeriesResult::take() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::seconds(30), [&] { return done_ || !failure_.empty(); });
  if (!done_) return zenith::fail(Errc::io, failure_.empty() ? "the link gives no answer" : failure_);
  done_ = false;
  return std::move(times_);
}

namespace {

class Client final : public actors::Actor<LinkMessage, Series> {
 public:
  Client(links::Hub& hub, std::shared_ptr<SeriesResult> result) : hub_(hub), result_(std::move(result)) {}

  void on(LinkMessage message, actors::Context&) override {
    if (auto* up = std::get_if<links::LinkUp>(&message)) {
      link_ = up->link;
      result_->set_up();
    } else if (auto* down = std::get_if<links::LinkDown>(&message)) {
      result_->fail(down->why.message);
    } else if (auto* got = std::get_if<links::Received>(&message)) {
      on_answer(got->message);
    }
  }
  void on(Series series, actors::Context&) override {
    series_ = std::move(series);
    sent_ = received_ = 0;
    times_.clear();
    times_.reserve(series_.count);
    begin_ = last_ = clock_.now();
    while (sent_ < std::min(series_.window, series_.count)) send_one();
  }

 private:
  void on_answer(const wire::Message& answer) {
    if (answer.header.kind != Kind::reply || answer.tensors.size() != 1 ||
        answer.tensors[0].data.size() != series_.payload.size()) {
      return result_->fail("the peer answered something else");
    }
    const Instant now = clock_.now();
    if (series_.window == 1) times_.push_back(micros(last_, now));
    last_ = now;
    ++received_;
    if (sent_ < series_.count) return send_one();
    if (received_ < series_.count) return;
    if (series_.window > 1) times_.push_back(micros(begin_, now) / static_cast<double>(series_.count));
    result_->finish(std::move(times_));
  }
  void send_one() {
    ++sent_;
    if (auto ok = hub_.send(link_, bench_request(++id_, series_.payload)); !ok) result_->fail(ok.error().message);
  }

  links::Hub& hub_;
  std::shared_ptr<SeriesResult> result_;
  SystemClock clock_;
  links::LinkId link_;
  Series series_;
  std::size_t sent_ = 0, received_ = 0;
  std::uint64_t id_ = 0;
  Instant begin_{}, last_{};
  std::vector<double> times_;
};

wire::Message answer_to(wire::Message message) {
  message.header.kind = message.header.kind == Kind::ping ? Kind::pong : Kind::reply;
  return message;
}

class Echo final : public actors::Actor<LinkMessage> {
 public:
  explicit Echo(links::Hub& hub) : hub_(hub) {}
  void on(LinkMessage message, actors::Context&) override {
    auto* got = std::get_if<links::Received>(&message);
    if (got != nullptr) static_cast<void>(hub_.send(got->link, answer_to(std::move(got->message))));
  }

 private:
  links::Hub& hub_;
};

}  // namespace

std::unique_ptr<actors::Behaviour> make_wire_client(links::Hub& hub, std::shared_ptr<SeriesResult> result) {
  return std::make_unique<Client>(hub, std::move(result));
}
std::unique_ptr<actors::Behaviour> make_wire_echo(links::Hub& hub) { return std::make_unique<Echo>(hub); }

// ---- without actors

BareLink::BareLink(std::unique_ptr<wire::Sockets> sockets, std::unique_ptr<wire::SharedMemory> memory,
                   std::uint64_t epoch)
    : sockets_(std::move(sockets)), memory_(std::move(memory)), core_({epoch, "bench", "0", "bench"}, {}, {}, clock_) {}

Expected<std::unique_ptr<BareLink>> BareLink::open(const wire::RunDir& run_dir, std::uint64_t epoch) {
  auto sockets = wire::Sockets::open({});
  if (!sockets) return tl::make_unexpected(sockets.error());
  auto memory = wire::SharedMemory::open(run_dir);
  if (!memory) return tl::make_unexpected(memory.error());
  return std::unique_ptr<BareLink>{new BareLink{std::move(*sockets), std::move(*memory), epoch}};
}

Status BareLink::listen(const std::string& endpoint) {
  const auto conn = sockets_->listen(endpoint);
  if (!conn) return tl::make_unexpected(conn.error());
  core_.listen(*conn, endpoint, {});
  return {};
}

Status BareLink::dial_and_wait(const std::string& endpoint) {
  const auto conn = sockets_->dial(endpoint, {});
  if (!conn) return tl::make_unexpected(conn.error());
  core_.dial(*conn, endpoint, {});
  const Instant end = clock_.now() + std::chrono::seconds(10);
  while (link_.value == 0 && clock_.now() < end) turn(std::chrono::seconds(1));
  return link_.value != 0 ? Status{} : fail(Errc::io, "the link does not come up");
}

void BareLink::echo_for_ever() {
  echo_ = true;
  for (;;) turn(std::chrono::hours(1));
}

Expected<std::vector<double>> BareLink::run(const Series& series) {
  std::vector<double> times;
  answers_ = 0;
  std::size_t sent = 0;
  static std::uint64_t id = 0;
  const Instant begin = clock_.now();
  while (answers_ < series.count) {
    const Instant start = clock_.now();
    const std::size_t before = answers_;
    while (sent < series.count && sent - answers_ < series.window) {
      ++sent;
      if (auto ok = core_.send(link_, bench_request(++id, write(series.payload))); !ok) {
        return tl::make_unexpected(ok.error());
      }
    }
    flush();
    while (answers_ == before && failure_.empty()) {
      if (clock_.now() - start > std::chrono::seconds(10)) failure_ = "the link gives no answer";
      turn(std::chrono::seconds(1));
    }
    if (!failure_.empty()) return fail(Errc::io, failure_);
    if (series.window == 1) times.push_back(micros(start, clock_.now()));
  }
  if (series.window > 1) times.push_back(micros(begin, clock_.now()) / static_cast<double>(series.count));
  return times;
}

/// As a producer does: straight into the slot that will be sent.
Buffer BareLink::write(const Buffer& from) {
  if (from.size() < wire::SharedMemoryOptions{}.at_least) return from;
  auto room = memory_->allocate(from.size());
  if (!room) return from;
  std::memcpy(room->bytes.data(), from.data(), from.size());
  return std::move(room->buffer);
}

void BareLink::turn(Duration most) {
  const Instant now = clock_.now();
  const auto next = core_.next_wake();
  sockets_->run_once(next ? std::min(*next, now + most) : now + most, *this);
  if (next && clock_.now() >= *next) core_.on_wake();
  for (auto& delivery : core_.take_deliveries()) handle(std::move(delivery.message));
  flush();
}

void BareLink::handle(LinkMessage message) {
  if (auto* up = std::get_if<links::LinkUp>(&message)) {
    link_ = up->link;
  } else if (auto* down = std::get_if<links::LinkDown>(&message)) {
    if (!echo_) failure_ = down->why.message;
  } else if (auto* got = std::get_if<links::Received>(&message)) {
    if (!echo_) {
      ++answers_;
      return;
    }
    auto answer = answer_to(std::move(got->message));
    for (Tensor& tensor : answer.tensors) tensor.data = write(tensor.data);
    static_cast<void>(core_.send(got->link, std::move(answer)));
  }
}

void BareLink::flush() {
  for (auto& send : core_.take_sends()) {
    const auto frames = wire::to_frames(send.message, [&](const Tensor& tensor) { return memory_->share(tensor); });
    const Status sent = frames ? sockets_->send(send.conn, send.route, *frames) : tl::make_unexpected(frames.error());
    if (!sent) core_.on_unsent(send.conn, send.route, sent.error());
  }
}

void BareLink::on_peer_gone(wire::Conn listener, const std::string& route) {
  core_.on_unsent(listener, route, {Errc::unavailable, "the peer's connection ended", {}, {}});
}

void BareLink::on_frames(wire::Conn conn, const std::string& route, Expected<std::vector<Buffer>> frames) {
  auto message = frames ? wire::from_frames(*frames, [&](const wire::SharedRef& ref) { return memory_->attach(ref); })
                        : tl::make_unexpected(frames.error());
  core_.on_frames(conn, route, std::move(message));
}

}  // namespace zenith::tools
