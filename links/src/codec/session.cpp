// What the link itself says: hello, error, grant, cancel.
#include <algorithm>
#include <limits>

#include "errors.hpp"
#include "schema/session_generated.h"

namespace zenith::links {

At<fb::Error> write_error(Writer& w, const Error& error) {
  const auto message = w.text(error.message, "message");
  const auto param = w.text(error.param, "param");
  const auto retry = std::clamp<std::int64_t>(error.retry_after.count(), 0, std::numeric_limits<std::uint32_t>::max());
  return fb::CreateError(w.fbb(), to_fb(error.code), message, param, static_cast<std::uint32_t>(retry));
}

wire::Message error_to_wire(RequestId id, const Error& error) {
  wire::Message out;
  out.header.kind = wire::Kind::error;
  out.header.flags = wire::kLast;
  out.header.request_id = id.value;
  out.header.status = static_cast<std::uint16_t>(static_cast<unsigned>(error.code) + 1);
  out.body = encode_error(error);
  return out;
}

Buffer encode_error(const Error& error) {
  Writer w{BadText::repair};
  const auto at = write_error(w, error);
  return w.finish(at);
}

Expected<Error> decode_error(const Buffer& body) {
  return read_body<fb::Error>(body, "error", [](const fb::Error& from, Reader& r) {
    Error error;
    error.code = r.one_of<Errc>(from.code(), "code");
    error.message = r.text(from.message(), "message");
    error.param = r.text(from.param(), "param");
    error.retry_after = std::chrono::milliseconds{from.retry_after_ms()};
    return error;
  });
}

Buffer encode_hello(const Peer& peer) {
  Writer w{BadText::repair};
  const auto role = w.text(peer.role, "role");
  const auto id = w.text(peer.id, "id");
  const auto version = w.text(peer.version, "version");
  const auto numerics = w.text(peer.numerics, "numerics");
  return w.finish(fb::CreateHello(w.fbb(), role, id, version, numerics));
}

Expected<Peer> decode_hello(const Buffer& body) {
  return read_body<fb::Hello>(body, "hello", [](const fb::Hello& from, Reader& r) {
    Peer peer;
    peer.role = r.text(from.role(), "role");
    peer.id = r.text(from.id(), "id");
    peer.version = r.text(from.version(), "version");
    peer.numerics = r.text(from.numerics(), "numerics");
    return peer;
  });
}

wire::Message cancel_to_wire(RequestId id) {
  wire::Message out;
  out.header.kind = wire::Kind::cancel;
  out.header.request_id = id.value;
  return out;
}

wire::Message grant_to_wire(RequestId id, std::uint32_t events) {
  Writer w{BadText::repair};
  wire::Message out;
  out.header.kind = wire::Kind::grant;
  out.header.request_id = id.value;
  out.body = w.finish(fb::CreateGrant(w.fbb(), events));
  return out;
}

Expected<std::uint32_t> grant_from_wire(const wire::Message& message) {
  if (auto kind = check_kind(message, wire::Kind::grant); !kind) return tl::make_unexpected(kind.error());
  return read_body<fb::Grant>(message.body, "grant", [](const fb::Grant& from, Reader& r) {
    if (from.events() == 0) r.fail("events", "a grant of none");
    return from.events();
  });
}

}  // namespace zenith::links
