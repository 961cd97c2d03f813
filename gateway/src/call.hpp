// One request on its way through an endpoint.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gateway.hpp"
#include "http/error_body.hpp"
#include "json/parse.hpp"
#include "zenith/messages/receipt.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::gateway {

/// The loop's thread only; the last owner may be any thread (see make()).
class Call : public std::enable_shared_from_this<Call> {
 public:
  /// The destructor runs on the loop's thread, whoever drops the last pointer.
  static std::shared_ptr<Call> make(Gateway& gateway, HttpRequest request, std::shared_ptr<Outlet> outlet);
  ~Call();

  Gateway& gateway;
  HttpRequest request;
  const Route* route = nullptr;
  std::string parameter;    ///< of the path
  KeyState* key = nullptr;  ///< null: no key was asked for
  RequestId id;
  std::string request_id;        ///< the client's X-Request-Id, or ours
  messages::TraceContext trace;  ///< its own span; none without a trace
  const std::shared_ptr<messages::Receipt> receipt = std::make_shared<messages::Receipt>();
  std::optional<HttpReply> refusal;
  Instant started;

  messages::Header header() const;
  /// The body as a JSON object. @returns invalid_argument.
  Expected<Value> json() const;

  /// The receipt is added when the client asked for one: to a JSON object as a member, to other bodies as a header.
  void reply(HttpReply reply);
  /// The member "zenith" with its name, or nothing when there is nothing to say. @param path of an answer's modalities.
  std::string zenith_member(const std::vector<std::string>& path = {}) const;
  void reply_json(std::string body);
  /// The same, of a body that has its member "zenith" already.
  void reply_with_zenith(std::string body) {
    has_zenith_ = true;
    reply_json(std::move(body));
  }
  void fail(const Error& error) { reply(error_reply(error)); }
  void start_stream(std::string content_type, std::string keep_alive);
  Outlet& outlet() { return *outlet_; }
  /// The answer is complete: counts the request, once.
  void done(int status);

  /// Counts as work, is cancelled when the client goes, and answers with `then` or the error. For a Port's Reply.
  template <class T>
  std::function<void(Expected<T>)> expect(std::function<void(Call&, T)> then);
  void use_tokens(double tokens);
  /// The client is gone: nothing will be answered.
  void abandon() noexcept { answered_ = true; }
  /// Set while a generation runs: {"type":"cancel"} on a WebSocket.
  std::function<void()> cancel_by_client;

 private:
  Call(Gateway& g, HttpRequest r, std::shared_ptr<Outlet> o);
  void add_headers(HeaderList& headers) const;
  bool wants_receipt() const;
  void add_receipt(HttpReply& reply) const;
  void begin_work();
  bool end_work();  ///< false when it had ended before

  std::shared_ptr<Outlet> outlet_;
  bool working_ = false, answered_ = false, counted_ = false;
  bool has_zenith_ = false;
  bool orphaned_ = false;  ///< the loop is closed: nobody is left to tell
  std::array<std::uint8_t, 8> parent_span_{};
  Instant ended_{};
  int status_ = 0;
};

template <class T>
std::function<void(Expected<T>)> Call::expect(std::function<void(Call&, T)> then) {
  begin_work();
  return [self = shared_from_this(), then = std::move(then)](Expected<T> result) {
    self->gateway.loop->post([self, then, result = std::move(result)]() mutable {
      if (!self->end_work()) return;
      if (!result) return self->fail(result.error());
      then(*self, std::move(*result));
    });
  };
}

}  // namespace zenith::gateway
