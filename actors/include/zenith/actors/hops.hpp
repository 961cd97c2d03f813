// One attempt at one stage, for the request's receipt.
#pragma once

#include <optional>
#include <string_view>

#include "zenith/actors/protocol.hpp"
#include "zenith/messages/receipt.hpp"

namespace zenith::actors {

/// As receipts name it: "text", "ocr", "speech".
std::string_view hop_name(Stage::Kind kind) noexcept;

/// Plain; one thread at a time. Does nothing for a request without a receipt.
class OpenHop {
 public:
  /// `header` is that of the request for the stage: it gets the hop's own span.
  void begin(messages::Header& header, const Stage& stage, std::uint32_t attempt, Instant now);
  bool open() const noexcept { return receipt_ != nullptr; }
  /// Writes it down, once; nothing when none is open.
  void end(const messages::Spent& spent, Instant now);
  void end(const messages::Usage& usage, const messages::Spent& spent, Instant now);
  void fail(const Error& error, Instant now);

 private:
  std::shared_ptr<messages::Receipt> receipt_;
  messages::Hop hop_;
};

/// What Finished says, and the link.
messages::Spent spent_of(const messages::Timings& timings, const messages::Spent& link) noexcept;

}  // namespace zenith::actors
