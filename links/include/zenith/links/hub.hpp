// The links of one process. A link is an ordered conversation with one session of a peer, or it is lost: there are no
// gaps, no repeats and no silence in between.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "zenith/actors/address.hpp"
#include "zenith/core/error.hpp"
#include "zenith/wire/message.hpp"

namespace zenith::links {

using LinkId = Strong<struct LinkIdTag>;          ///< one session of one link; never used again
using ListenerId = Strong<struct ListenerIdTag>;  ///< an endpoint that is listened on
using DialId = Strong<struct DialIdTag>;          ///< an endpoint that is dialled, again and again, until hang_up

/// Who is at the other end, from its hello or welcome.
struct Peer {
  std::uint64_t epoch = 0;  ///< of its process
  std::string id;           ///< of the service or process: "text-1", "gateway@host"
  std::string version;      ///< of Zenith, for people
  std::string numerics;     ///< dispatch target and kernel revision; equal texts compute equal bits
  std::string role;         ///< "text", "gateway", "client"; for people
};

using From = std::variant<ListenerId, DialId>;

struct LinkUp {
  LinkId link;
  From from;
  Peer peer;
};
/// The session is over: whatever was open on it has no answer any more. Comes once for each LinkUp, and for a dial that
/// cannot get up (wrong key, other major version), then with an empty link; the dial goes on by itself.
struct LinkDown {
  LinkId link;
  From from;
  Error why;
};
/// A request is open and the peer has been silent for a while: it may hang. Work that can go elsewhere should; the link
/// stays until it is lost or heard again.
struct LinkSuspect {
  LinkId link;
  bool suspect = true;  ///< false: it was heard again
};
/// request, event, reply, error, cancel, grant, announce, view, ping. Who gets a ping answers it through the mailbox of
/// the worker that it stands for: pong with the same request_id.
struct Received {
  LinkId link;
  wire::Message message;
  std::shared_ptr<const void> held;  ///< counts the message until its owner has done with it
};
using LinkMessage = std::variant<LinkUp, LinkDown, LinkSuspect, Received>;

/// `overtaking` passes what waits to be sent and, at the other end, what waits in the mailbox: cancel, grant, pong.
enum class Lane : std::uint8_t { normal, overtaking };

/// Any thread; no call blocks.
class Hub {
 public:
  virtual ~Hub() = default;
  /// ipc://PATH or tcp://HOST:PORT (port 0: any; see `bound`). Every peer that comes is a link, told to `owner`.
  /// @returns io naming the endpoint, invalid_argument for TCP without keys.
  virtual Expected<ListenerId> listen(const std::string& endpoint, actors::Ref<LinkMessage> owner) = 0;
  virtual std::string bound(ListenerId listener) const = 0;  ///< the endpoint as others dial it
  /// Keeps one link to `endpoint` up until hang_up. @param server_key CURVE public key, Z85; empty for ipc.
  virtual Expected<DialId> dial(const std::string& endpoint, const std::string& server_key,
                                actors::Ref<LinkMessage> owner) = 0;
  virtual void hang_up(DialId dial) = 0;
  virtual void close(ListenerId listener) = 0;
  /// The caller sets kind, flags, attempt, request_id, budget_us, tenant, priority, trace, generation, status; the link
  /// sets the rest. A message for a link that is down is dropped: its LinkDown is on the way.
  /// @returns overloaded when the link has no credit or its queue is full (requests; the rest ends the link instead).
  virtual Status send(LinkId link, wire::Message message, Lane lane = Lane::normal) = 0;
  /// A conversation that broke its rules (a body that does not decode): the link is reset.
  virtual void reset(LinkId link, Error why) = 0;
};

}  // namespace zenith::links
