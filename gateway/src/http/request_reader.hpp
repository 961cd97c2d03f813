// Bytes to one HTTP/1.x request. Pure: no socket, no clock; strict, so that what we read and what a proxy before us
// read agree.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace zenith::gateway {

struct ReaderLimits {
  std::size_t header_bytes = 16u << 10;
  std::size_t header_count = 100;
  std::size_t body_bytes = 32u << 20;
};

class RequestReader {
 public:
  enum class Progress {
    need_more,  ///< call again with what is left and more
    head,       ///< request() has everything but the body; call again for the body
    complete,   ///< request() is whole; reset() before the next one
    refused,    ///< refusal_status() and refusal() say why; the connection cannot be used further
  };

  explicit RequestReader(const ReaderLimits& limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// @param input all bytes that came and were not consumed yet. @param consumed how many of them are done with.
  Progress feed(std::string_view input, std::size_t& consumed);
  void reset();

  HttpRequest& request() noexcept { return request_; }
  int refusal_status() const noexcept { return refusal_status_; }
  const std::string& refusal() const noexcept { return refusal_; }
  /// True from the first byte of a request until it is complete.
  bool inside() const noexcept { return inside_; }

 private:
  struct Parser;  // Beast's
  Progress refuse(int status, std::string why);
  Progress feed_head(std::string_view input, std::size_t& consumed);
  Progress feed_body(std::string_view input, std::size_t& consumed);
  Progress check_head();

  ReaderLimits limits_;
  std::unique_ptr<Parser> parser_;
  HttpRequest request_;
  std::string refusal_, body_;
  int refusal_status_ = 0;
  std::size_t scanned_ = 0;
  std::size_t lines_ = 0;
  std::size_t length_ = 0;  ///< of the body, when it is not chunked
  bool chunked_ = false;
  bool inside_ = false, head_done_ = false;
};

}  // namespace zenith::gateway
