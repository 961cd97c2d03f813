// One TLS conversation without a socket: bytes of the network in and out on one side, the client's bytes on the other.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace zenith::gateway {

/// One thread. No call blocks. What it holds is bounded by what it was given: feed it only after wants_input.
class TlsSession {
 public:
  enum class Result : std::uint8_t {
    done,         ///< what was asked for is done
    wants_input,  ///< more bytes of the network are needed
    ended,        ///< the client has said that it sends no more
    failed        ///< reason() says why; output() may hold an alert for the client
  };
  static constexpr std::size_t kRecord = 16384;  ///< bytes of one write() at most

  virtual ~TlsSession() = default;
  virtual Result handshake() = 0;
  /// @param room at least one byte. @param taken bytes written to `room`: at least one when done.
  virtual Result read(std::span<char> room, std::size_t& taken) = 0;
  /// @pre the handshake is done; 1 to kRecord bytes. Takes all of them.
  virtual Result write(std::span<const char> bytes) = 0;
  /// Says to the client that no more comes.
  virtual void finish() = 0;

  virtual void put(std::span<const char> from_network) = 0;
  virtual std::string output() = 0;  ///< what must go to the network now, in order; taken out
  virtual std::size_t output_bytes() const = 0;
  virtual const std::string& reason() const noexcept = 0;
};

}  // namespace zenith::gateway
