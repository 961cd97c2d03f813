// What a verb is: a row with its options and its action. One file a verb in verbs/, one row in verbs.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "zenith/core/config.hpp"
#include "zenith/core/error.hpp"

namespace zenith::tools {

struct Context {
  bool json = false;  ///< --json: one object on stdout
};

/// What the verb does once its options are parsed. An error is printed by the caller and becomes exit status 1, or 2
/// when its code is invalid_argument.
using Action = std::function<Status(const Context&)>;

struct Verb {
  std::string_view name;
  std::string_view summary;  ///< one line for `zenith --help`
  std::string_view example;  ///< shown at the end of `zenith VERB --help`
  Action (*add)(CLI::App&);  ///< declares the options; they live in the action
};

std::span<const Verb> verbs();

Action add_serve(CLI::App& app);
Action add_run(CLI::App& app);
Action add_pull(CLI::App& app);
Action add_models(CLI::App& app);
Action add_tokenize(CLI::App& app);
Action add_detokenize(CLI::App& app);
Action add_logits(CLI::App& app);
Action add_perplexity(CLI::App& app);
Action add_quantize(CLI::App& app);
Action add_bench(CLI::App& app);
Action add_keys(CLI::App& app);
Action add_doctor(CLI::App& app);
Action add_speak(CLI::App& app);
Action add_transcribe(CLI::App& app);
Action add_see(CLI::App& app);
Action add_top(CLI::App& app);
Action add_sensors(CLI::App& app);

/// The process's environment, for load_config.
std::optional<std::string> environment(const std::string& name);

/// Configuration of verbs that take no file: defaults and environment.
Expected<Config> environment_config();

/// The whole of stdin, at most `most` bytes. @returns payload_too_large, io.
Expected<std::string> read_stdin(std::size_t most);

/// To stdout, whole. @returns io when stdout is closed or full.
Status print(std::string_view text);

}  // namespace zenith::tools
