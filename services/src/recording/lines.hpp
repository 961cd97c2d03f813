// The lines of a recording. Each is one JSON object; fields are those of the messages.
#pragma once

#include <string>

#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"

namespace zenith::services::recording {

inline constexpr int kVersion = 1;

/// When a line came to be: nanoseconds since the recording began, and the request's place in the order of admission.
struct At {
  std::int64_t ns = 0;
  std::uint64_t order = 0;
};

std::string first_line(std::int64_t unix_seconds);

/// @param deadline_ns from now.
std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const messages::Generate& request);
std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const messages::Embed& request);
std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const messages::Tokenize& request);
std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const messages::Detokenize& request);
std::string line(At at, std::int64_t unix_seconds, std::int64_t deadline_ns, const messages::ApplyTemplate& request);

std::string line(std::int64_t ns, RequestId id, const messages::Event& event);
std::string line(std::int64_t ns, RequestId id, const Expected<messages::Embeddings>& reply);
std::string line(std::int64_t ns, RequestId id, const Expected<messages::Tokens>& reply);
std::string line(std::int64_t ns, RequestId id, const Expected<messages::Text>& reply);
std::string cancel_line(std::int64_t ns, RequestId id);

/// About what a message holds in memory.
std::size_t size_of(const messages::Generate& request);
std::size_t size_of(const messages::Embed& request);
std::size_t size_of(const messages::Tokenize& request);
std::size_t size_of(const messages::Detokenize& request);
std::size_t size_of(const messages::ApplyTemplate& request);
std::size_t size_of(const messages::Event& event);
std::size_t size_of(const Expected<messages::Embeddings>& reply);
std::size_t size_of(const Expected<messages::Tokens>& reply);
std::size_t size_of(const Expected<messages::Text>& reply);

}  // namespace zenith::services::recording
