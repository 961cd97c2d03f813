// fake_zenith [PORT] [--delay-free options below]: the gateway over a scripted engine, to test clients and measure the
// gateway alone. Prints the address it listens on; SIGTERM drains.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "scripted_port.hpp"
#include "zenith/gateway/server.hpp"

using namespace zenith;
using namespace zenith::gateway;

int main(int argc, char** argv) {
  ServerOptions options;
  options.default_model = "fake";
  options.default_embedding_model = "fake-embed";
  options.port = 0;
  test::Script script;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--repeat" && i + 1 < argc) {
      script.repeat = std::strtoul(argv[++i], nullptr, 10);
    } else if (arg == "--keys" && i + 1 < argc) {
      auto keys = read_keys_file(argv[++i]);
      if (!keys) {
        std::fprintf(stderr, "%s\n", keys.error().message.c_str());
        return 2;
      }
      options.keys = std::move(*keys);
    } else if (arg == "--port" && i + 1 < argc) {
      options.port = static_cast<std::uint16_t>(std::strtoul(argv[++i], nullptr, 10));
    } else if (arg == "--tls" && i + 2 < argc) {
      options.tls = {argv[i + 1], argv[i + 2]};
      i += 2;
    } else if (arg == "--connections" && i + 1 < argc) {
      options.limits.connections = std::strtoul(argv[++i], nullptr, 10);
    } else if (arg == "--timeouts" && i + 1 < argc) {
      options.limits.header_timeout = options.limits.body_timeout =
          std::chrono::seconds(std::strtol(argv[++i], nullptr, 10));
    } else if (arg == "--fetch-from" && i + 2 < argc) {
      options.fetch.also_address = argv[i + 1];
      options.fetch.ca_file = argv[i + 2];
      options.fetch.bytes = 100'000;
      options.fetch.whole = std::chrono::milliseconds(1500);
      i += 2;
    } else {
      std::fprintf(
          stderr,
          "usage: fake_zenith [--port N] [--repeat N] [--keys FILE] [--tls CERT KEY] [--connections N] [--timeouts "
          "SECONDS] [--fetch-from ADDRESS CA]\n");
      return 2;
    }
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  test::ScriptedPort port;
  port.set(script);
  const auto effects = system_effects();
  Metrics metrics;
  auto server = Server::listen(options, port, *effects, metrics);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::thread stopper([&] {
    sigdelset(&signals, SIGPIPE);
    int which = 0;
    sigwait(&signals, &which);
    (*server)->stop(std::chrono::seconds(5));
  });
  std::printf("%s://127.0.0.1:%u\n", options.tls ? "https" : "http", (*server)->port());
  std::fflush(stdout);
  (*server)->run();
  stopper.join();
  return 0;
}
