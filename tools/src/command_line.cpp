#include "zenith/tools/command_line.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>
#include <system_error>

#include "verb.hpp"

namespace zenith::tools {
namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

int report(const Error& error, bool json) {
  if (json) {
    const nlohmann::ordered_json body{
        {"error", {{"code", to_string(error.code)}, {"message", error.message}, {"param", error.param}}}};
    std::printf("%s\n", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    std::fflush(stdout);
  }
  std::fprintf(stderr, "zenith: %s\n", error.message.c_str());
  return error.code == Errc::invalid_argument ? kUsage : kFailed;
}

int run(int argc, char** argv) {
  CLI::App app{"Zenith: one server for models, on one machine or many"};
  app.name("zenith");
  app.require_subcommand(1);
  app.set_version_flag("--version", ZENITH_VERSION);
  app.footer("Each verb has --help with an example. Models live in $ZENITH_HOME (default ~/.cache/zenith).");

  Context context;
  const Verb* chosen = nullptr;
  Action action;
  for (const auto& verb : verbs()) {
    auto* sub = app.add_subcommand(std::string{verb.name}, std::string{verb.summary});
    sub->footer("Example:\n  " + std::string{verb.example});
    sub->add_flag("--json", context.json, "print one JSON object");
    sub->callback([&chosen, &action, &verb, added = verb.add(*sub)] {
      chosen = &verb;
      action = added;
    });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // --help and --version come this way too, with status 0.
    return app.exit(e) == 0 ? kOk : kUsage;
  }
  const Status done = action(context);
  return done ? kOk : report(done.error(), context.json);
}

}  // namespace

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
  return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

Expected<Config> environment_config() { return load_config(std::nullopt, environment); }

Expected<std::string> read_stdin(std::size_t most) {
  std::string text;
  char block[1 << 16];
  for (;;) {
    const ssize_t count = read(STDIN_FILENO, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(Errc::io, "stdin cannot be read: " + std::generic_category().message(errno));
    if (count == 0) return text;
    text.append(block, static_cast<std::size_t>(count));
    if (text.size() > most)
      return fail(Errc::payload_too_large, "stdin has more than " + std::to_string(most) + " bytes");
  }
}

Status print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return fail(Errc::io, "stdout cannot be written: " + std::generic_category().message(errno));
  }
  return {};
}

int command_line(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    return report({Errc::internal, std::string{"a fault in zenith itself: "} + e.what(), {}, {}}, false);
  }
}

}  // namespace zenith::tools
