// A client made of a socket: sends exact bytes, reads with a time limit.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace zenith::gateway::test {

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ok_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return ok_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

  /// @returns false when the peer has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  /// Reads until `text` holds `until`, the peer closes, or the time is over. What came stays in text().
  bool read_until(std::string_view until, std::chrono::milliseconds limit = std::chrono::seconds(5)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    std::size_t from = 0;
    while (text_.find(until, from) == std::string::npos) {
      from = text_.size() < until.size() ? 0 : text_.size() - until.size();
      if (!read_some(end)) return false;
    }
    return true;
  }
  /// Reads until the peer closes. @returns whether it did within the limit.
  bool read_to_end(std::chrono::milliseconds limit = std::chrono::seconds(5)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (read_some(end)) {
    }
    return closed_;
  }
  /// One whole answer with a Content-Length, taken out of text(). Empty when it did not come.
  std::string read_reply() {
    if (!read_until("\r\n\r\n")) return {};
    const auto head = text_.find("\r\n\r\n") + 4;
    const auto at = text_.find("Content-Length: ");
    const std::size_t body = at < head ? std::stoul(text_.substr(at + 16)) : 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (text_.size() < head + body && read_some(end)) {
    }
    std::string reply = text_.substr(0, head + body);
    text_.erase(0, head + body);
    return reply;
  }
  std::string& text() { return text_; }
  bool closed() const { return closed_; }

 private:
  bool read_some(std::chrono::steady_clock::time_point end) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd p{fd_, POLLIN, 0};
    if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) <= 0) return false;
    char block[16384];
    const auto n = ::recv(fd_, block, sizeof(block), 0);
    if (n <= 0) {
      closed_ = true;
      return false;
    }
    text_.append(block, static_cast<std::size_t>(n));
    return true;
  }
  int fd_;
  bool ok_ = false, closed_ = false;
  std::string text_;
};

}  // namespace zenith::gateway::test
