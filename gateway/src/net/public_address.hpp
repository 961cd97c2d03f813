// Which addresses a server may be sent to by its clients.
#pragma once

#include <sys/socket.h>

namespace zenith::gateway {

/// Reachable for everyone: not loopback, private, link-local, shared, for documents, multicast or reserved; of
/// addresses that carry an IPv4 address inside (mapped, NAT64, 6to4) that one counts, too.  Source: IANA's
/// special-purpose registries.
bool is_public_address(const sockaddr& address) noexcept;

}  // namespace zenith::gateway
