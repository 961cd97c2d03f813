// Sockets of a test, pumped until something has happened.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "zenith/wire/sockets.hpp"

namespace zenith::wire::test {

/// A folder of its own, removed in the end; short, so that socket paths fit.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = "/tmp/zn-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string ipc(const std::string& name) const { return "ipc://" + (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

struct Heard : SocketEvents {
  struct Message {
    Conn conn = 0;
    std::string route;
    Expected<std::vector<Buffer>> frames;
  };
  std::vector<Conn> connected;
  std::vector<Error> disconnected;
  std::vector<std::string> gone;
  std::vector<Message> messages;

  void on_connected(Conn dialler) override { connected.push_back(dialler); }
  void on_disconnected(Conn, Error why) override { disconnected.push_back(std::move(why)); }
  void on_peer_gone(Conn, const std::string& route) override { gone.push_back(route); }
  void on_frames(Conn conn, const std::string& route, Expected<std::vector<Buffer>> frames) override {
    messages.push_back({conn, route, std::move(frames)});
  }
};

/// One process's sockets.
struct Side {
  explicit Side(SocketOptions options = {}) : sockets(std::move(*Sockets::open(std::move(options)))) {}
  std::unique_ptr<Sockets> sockets;
  Heard heard;
  void pump(Duration most = std::chrono::milliseconds(5)) { sockets->run_once(SystemClock{}.now() + most, heard); }
};

/// Runs the sides until `done`, at most `most`. @returns whether it was.
template <class... Sides>
bool until(const std::function<bool()>& done, Duration most, Sides&... sides) {
  const auto end = SystemClock{}.now() + most;
  while (!done()) {
    if (SystemClock{}.now() > end) return false;
    (sides.pump(), ...);
  }
  return true;
}

inline Buffer bytes(std::size_t count, char fill = 'x') { return Buffer::of(std::string(count, fill)); }
inline std::string text(const Buffer& buffer) { return {reinterpret_cast<const char*>(buffer.data()), buffer.size()}; }

/// Keys of one process, and a folder of allowed clients.
struct Keys {
  KeyPair pair = *make_keys();
  SocketOptions options(const std::filesystem::path& allow) const {
    SocketOptions made;
    made.keys = pair;
    made.allow = allow;
    made.reconnect_last = std::chrono::milliseconds(20);
    return made;
  }
};

}  // namespace zenith::wire::test
