// Any bytes as the body of every kind: a message or bad_frame; and what was read can be written, and read again.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "zenith/links/codec.hpp"

namespace {

namespace wire = zenith::wire;
namespace links = zenith::links;
constexpr zenith::Instant kNow{std::chrono::hours{1}};

template <class T>
bool read(const zenith::Expected<T>& got) {
  if (got) return true;
  if (got.error().code != zenith::Errc::bad_frame || got.error().param.empty()) std::abort();
  return false;
}

void require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wire::Message message;
  message.body = zenith::Buffer::of(std::string{reinterpret_cast<const char*>(data), size});
  message.header.budget_us = 1000;
  message.tensors = {{zenith::DType::f32, 2, {2, 3}, zenith::Buffer::of(std::vector<std::byte>(24))}};
  const auto as = [&](wire::Kind kind, std::uint16_t flags = 0) -> const wire::Message& {
    message.header.kind = kind;
    message.header.flags = flags;
    return message;
  };

  const auto request = links::request_from_wire(as(wire::Kind::request), kNow);
  if (read(request)) {
    const auto written = std::visit([](const auto& r) { return links::to_wire(r, kNow); }, *request);
    require(written.has_value() && links::request_from_wire(*written, kNow).has_value());
  }
  for (const std::uint16_t flags : {std::uint16_t{0}, std::uint16_t{wire::kLast}}) {
    const auto event = links::event_from_wire(as(wire::Kind::event, flags));
    if (read(event)) require(links::event_from_wire(links::event_to_wire(zenith::RequestId{1}, *event)).has_value());
  }
  const auto reply = links::reply_from_wire(as(wire::Kind::reply));
  if (read(reply)) require(links::reply_from_wire(links::reply_to_wire(zenith::RequestId{1}, *reply)).has_value());
  const auto announcement = links::announcement_from_wire(as(wire::Kind::announce));
  if (read(announcement))
    require(links::announcement_from_wire(links::announcement_to_wire(*announcement)).has_value());
  const auto view = links::view_from_wire(as(wire::Kind::view));
  if (read(view)) require(links::view_from_wire(links::view_to_wire(*view)).has_value());
  read(links::grant_from_wire(as(wire::Kind::grant)));
  const auto error = links::decode_error(message.body);
  if (read(error)) require(links::decode_error(links::encode_error(*error)).has_value());
  const auto peer = links::decode_hello(message.body);
  if (read(peer)) require(links::decode_hello(links::encode_hello(*peer)).has_value());
  return 0;
}
