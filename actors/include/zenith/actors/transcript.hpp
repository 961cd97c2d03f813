// What the client of one generation has got so far: what another attempt needs to go on where a lost service stopped.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::actors {

/// Plain; one thread. Holds no more tokens than the request's choices can have in their context.
class Transcript {
 public:
  explicit Transcript(std::shared_ptr<const messages::Generate> request);

  bool fits(const messages::Event& event) const noexcept;     ///< of a choice that was asked for and has not ended
  void delivered(const messages::Event& event, Instant now);  ///< it went to the client. @pre fits(event)
  void granted(std::uint32_t events) noexcept;                ///< the client took so many

  /// The request as a later attempt submits it: with what the client has, and what is left of its credit.
  std::shared_ptr<const messages::Generate> resumed() const;

  const std::optional<std::uint32_t>& prompt_tokens() const noexcept { return prompt_tokens_; }  ///< once started
  bool begun() const noexcept;     ///< the client has something that may not change any more
  bool complete() const noexcept;  ///< every choice has ended: only Finished is missing
  std::uint64_t progress() const noexcept { return progress_; }  ///< grows with every delta and every end

  /// The last event, when the service was lost after the last choice ended. @pre complete().
  messages::Finished finished(Instant now) const;
  /// The last attempt's own timings know nothing of tokens before it: generation is timed from the first token that
  /// the client got.
  void correct(messages::Timings& timings, Instant now) const;

 private:
  std::shared_ptr<const messages::Generate> request_;
  std::vector<messages::Resume> choices_;
  std::optional<std::uint32_t> prompt_tokens_;
  std::optional<Instant> first_delta_;
  std::uint32_t window_, credit_;
  std::uint64_t progress_ = 0;
};

}  // namespace zenith::actors
