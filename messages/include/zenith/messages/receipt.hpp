// What was done for one request, stage by stage: its receipt, and the spans of its trace.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/messages/header.hpp"

namespace zenith::messages {

/// What an answer took.
struct Spent {
  std::uint32_t queue_us = 0, compute_us = 0;  ///< as the service says: until its turn; from then to the end
  std::uint64_t bytes = 0;   ///< of bodies and tensors, both ways, between processes; 0 within one. Set by the link
  std::uint32_t copies = 0;  ///< of tensors, by Zenith on that way: into shared memory, or beside the header when
                             ///< small; those of sockets are not counted. Set by the link
};

/// One attempt at one stage.
struct Hop {
  std::string name;  ///< what was done: "ocr", "text"
  std::string service, model;
  Generation generation{};
  std::uint32_t attempt = 1;
  Instant begun{}, ended{};  ///< as seen by who asked
  Spent spent{};
  std::uint32_t prompt_tokens = 0, completion_tokens = 0;
  std::optional<Error> error{};
  TraceContext trace{};  ///< its own span; none without a trace
};

/// An id that differs from `base` and from that of any other number.
inline std::array<std::uint8_t, 8> span_below(const std::array<std::uint8_t, 8>& base, std::uint64_t number) noexcept {
  std::uint64_t x = 0;
  for (const auto byte : base) x = x << 8 | byte;
  x += 0x9e3779b97f4a7c15ULL * (number + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  std::array<std::uint8_t, 8> out{};
  for (std::size_t i = out.size(); i-- > 0; x >>= 8) out[i] = static_cast<std::uint8_t>(x);
  if (out == std::array<std::uint8_t, 8>{}) out.back() = 1;
  return out;
}

/// Grows while the request is worked on. Any thread.
class Receipt {
 public:
  static constexpr std::size_t kMost = 256;  ///< hops; more are counted only

  void add(Hop hop) {
    const std::lock_guard lock(mutex_);
    if (hops_.size() < kMost) {
      hops_.push_back(std::move(hop));
    } else {
      ++left_out_;
    }
  }
  /// The context of a new span below `parent`; none when there is no trace.
  TraceContext span_below(const TraceContext& parent) {
    if (parent.trace_id == TraceContext{}.trace_id) return parent;
    const std::lock_guard lock(mutex_);
    return {parent.trace_id, messages::span_below(parent.span_id, spans_++), parent.flags};
  }
  std::vector<Hop> hops() const {
    const std::lock_guard lock(mutex_);
    return hops_;
  }
  std::uint64_t left_out() const {
    const std::lock_guard lock(mutex_);
    return left_out_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Hop> hops_;
  std::uint64_t left_out_ = 0, spans_ = 0;
};

}  // namespace zenith::messages
