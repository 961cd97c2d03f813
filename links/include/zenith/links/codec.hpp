// Messages of messages/ as messages of the wire, and back. Bodies are FlatBuffers (links/schema), verified before they
// are read.
//
// Everything here is pure and total. Readers: any bytes in, a message or bad_frame out, with the field in Error::param;
// enums and numbers are in range, text is UTF-8, at most as much is allocated as the body carries. Writers of requests
// refuse what the other side would (a value nested too deeply, too large a body, bad UTF-8): the fault stays with the
// request that has it. Writers of the rest repair text that is not UTF-8.
#pragma once

#include <cstdint>
#include <variant>

#include "zenith/core/clock.hpp"
#include "zenith/links/hub.hpp"
#include "zenith/messages/membership.hpp"
#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"
#include "zenith/messages/vision.hpp"

namespace zenith::links {

inline constexpr std::size_t kMaxBodyBytes = std::size_t{64} << 20;
inline constexpr int kMaxValueDepth = 64;  ///< of template_kwargs, the object itself counted

// ---- bodies alone

/// Of hello and welcome. The epoch travels in the header: `decode_hello` leaves it 0.
Buffer encode_hello(const Peer& peer);
Expected<Peer> decode_hello(const Buffer& body);
/// Of error and goodbye.
Buffer encode_error(const Error& error);
Expected<Error> decode_error(const Buffer& body);

// ---- whole messages: kind, request_id, flags and, for requests, deadline, tenant, priority and trace are set in the
// header; attempt, generation and the hedge flag are the caller's

using Request = std::variant<messages::Generate, messages::Embed, messages::Tokenize, messages::Detokenize,
                             messages::ApplyTemplate, messages::Speak, messages::Transcribe, messages::ReadImage,
                             messages::Watch, messages::ReadWindow, messages::SetSensor>;
/// The deadline becomes a budget: what is left of it at `now`, in whole microseconds, at most about 71 minutes.
/// @returns invalid_argument naming the field, payload_too_large.
Expected<wire::Message> to_wire(const messages::Generate& request, Instant now);
Expected<wire::Message> to_wire(const messages::Embed& request, Instant now);
Expected<wire::Message> to_wire(const messages::Tokenize& request, Instant now);
Expected<wire::Message> to_wire(const messages::Detokenize& request, Instant now);
Expected<wire::Message> to_wire(const messages::ApplyTemplate& request, Instant now);
Expected<wire::Message> to_wire(const messages::Speak& request, Instant now);
/// The file travels as one u8 tensor [n].
Expected<wire::Message> to_wire(const messages::Transcribe& request, Instant now);
/// The picture travels as one u8 tensor [n].
Expected<wire::Message> to_wire(const messages::ReadImage& request, Instant now);
Expected<wire::Message> to_wire(const messages::Watch& request, Instant now);
Expected<wire::Message> to_wire(const messages::ReadWindow& request, Instant now);
Expected<wire::Message> to_wire(const messages::SetSensor& request, Instant now);
/// A request without a budget is refused: every request has a deadline.
Expected<Request> request_from_wire(const wire::Message& message, Instant now);

/// An Error travels as kind error, with its code in Header::status too. Finished and Error have kLast. Samples travel
/// as one i16 tensor [n], frames' values as one u8 tensor [n].
wire::Message event_to_wire(RequestId id, const messages::Event& event);
Expected<messages::Event> event_from_wire(const wire::Message& message);

/// The one answer of a request that is no generation. An Error travels as kind error.
using Reply = std::variant<messages::Embeddings, messages::Tokens, messages::Text, Error, messages::Transcript,
                           messages::ImageReading, messages::Window>;
/// What it took travels in the header (queue_us, service_us). Vectors travel as one f32 tensor [n, d]. Vectors of
/// different lengths are a fault of ours and become that error.
wire::Message reply_to_wire(RequestId id, const Reply& reply);
Expected<Reply> reply_from_wire(const wire::Message& message);

wire::Message cancel_to_wire(RequestId id);
wire::Message grant_to_wire(RequestId id, std::uint32_t events);
/// @returns how many events the client took: at least 1.
Expected<std::uint32_t> grant_from_wire(const wire::Message& message);

wire::Message announcement_to_wire(const messages::Announcement& announcement);
Expected<messages::Announcement> announcement_from_wire(const wire::Message& message);
wire::Message view_to_wire(const messages::View& view);
Expected<messages::View> view_from_wire(const wire::Message& message);

}  // namespace zenith::links
