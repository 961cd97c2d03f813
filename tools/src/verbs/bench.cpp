#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "bench_repeat.hpp"
#include "bench_text.hpp"
#include "bench_wire.hpp"
#include "verb.hpp"
#include "zenith/kernels/dispatch.hpp"
#include "zenith/tools/progress.hpp"

namespace zenith::tools {
namespace {

struct Options {
  LocalOptions local;
  TextBench text;
  WireBench wire;
  bool repeat = false;
  std::string serve;  ///< the peer process of bench wire: its folder
  bool is_wire = false;
};

Status bench_links(const Options& options, const Context& context) {
  if (!options.serve.empty()) return serve_wire_bench(options.wire, options.serve);
  const auto result = bench_wire(options.wire);
  if (!result) return tl::make_unexpected(result.error());
  const double ratio = result->raw_p50_us > 0 ? result->p50_us / result->raw_p50_us : 0;
  if (!context.json) {
    const auto floor = result->floor_p50_us > 0
                           ? fmt::format("raw libzmq with a descriptor alone p50 {:.1f} us\n", result->floor_p50_us)
                           : std::string{};
    return print(fmt::format(
        "{} {} bytes, window {}: p50 {:.1f} us, p99 {:.1f} us; raw libzmq p50 {:.1f} us, p99 {:.1f} us; {:.2f} times "
        "raw\n{}{}; {} samples each, both sides on core {}\n",
        options.wire.transport, options.wire.bytes, options.wire.window, result->p50_us, result->p99_us,
        result->raw_p50_us, result->raw_p99_us, ratio, floor, result->measured, result->samples, result->cpu));
  }
  nlohmann::ordered_json body{{"transport", options.wire.transport},
                              {"bytes", options.wire.bytes},
                              {"window", options.wire.window},
                              {"p50_us", result->p50_us},
                              {"p99_us", result->p99_us},
                              {"min_us", result->min_us},
                              {"raw_p50_us", result->raw_p50_us},
                              {"raw_p99_us", result->raw_p99_us},
                              {"raw_min_us", result->raw_min_us},
                              {"ratio", ratio},
                              {"samples", result->samples},
                              {"cpu", result->cpu},
                              {"measured", result->measured}};
  if (result->floor_p50_us > 0) body["floor_p50_us"] = result->floor_p50_us;
  return print(body.dump() + "\n");
}

Status bench_repeating(LocalModel& local, const Options& options, const Context& context) {
  const auto progress = make_progress();
  const auto result =
      bench_repeat(local, {.generate = options.text.generate, .repetitions = options.text.repetitions},
                   [&](int done, int all) { progress->begin(fmt::format("repetition {} of {}", done, all - 1), 0); });
  progress->end();
  if (!result) return tl::make_unexpected(result.error());
  const double ratio = result->drafted_tokens_per_s / result->plain_tokens_per_s;
  if (!context.json) {
    return print(fmt::format(
        "{} tokens that repeat the prompt: plain {:.1f} tokens/s   with drafts {:.1f} tokens/s   {:.2f} times   "
        "{} of {} drafted tokens were right, {} passes   the same text   others used {:.0f} % of the machine\n",
        result->tokens, result->plain_tokens_per_s, result->drafted_tokens_per_s, ratio, result->accepted,
        result->drafted, result->passes, result->busy * 100));
  }
  const nlohmann::ordered_json body{{"model", options.local.model},
                                    {"threads", local.pool->threads()},
                                    {"prompt", result->prompt_tokens},
                                    {"gen", result->tokens},
                                    {"repetitions", options.text.repetitions},
                                    {"plain_tokens_per_s", result->plain_tokens_per_s},
                                    {"drafted_tokens_per_s", result->drafted_tokens_per_s},
                                    {"ratio", ratio},
                                    {"identical", true},  // else there is no result
                                    {"passes", result->passes},
                                    {"drafted", result->drafted},
                                    {"accepted", result->accepted},
                                    {"kernels", kernels::numerics_id()},
                                    {"busy", result->busy}};
  return print(body.dump() + "\n");
}

Status bench(const Options& options, const Context& context) {
  auto local = open_local(options.local);
  if (!local) return tl::make_unexpected(local.error());
  if (options.repeat) return bench_repeating(*local, options, context);
  const auto progress = make_progress();
  const auto result = bench_text(*local, options.text, [&](int done, int all) {
    progress->begin(fmt::format("repetition {} of {}", done, all - 1), 0);
  });
  progress->end();
  if (!result) return tl::make_unexpected(result.error());
  const std::string kernels = kernels::numerics_id();
  if (!context.json) {
    return print(fmt::format(
        "prefill {:.1f} tokens/s   decode {:.1f} tokens/s   first token {:.1f} ms   peak {}   {} threads   {}   "
        "others used {:.0f} % of the machine\n",
        result->prefill_tokens_per_s, result->decode_tokens_per_s, result->ttft_ms, human_bytes(result->peak_rss_bytes),
        local->pool->threads(), kernels, result->busy * 100));
  }
  const auto& info = local->loaded.model->info();
  const nlohmann::ordered_json body{{"model", options.local.model},
                                    {"architecture", info.architecture},
                                    {"numerics", options.local.numerics},
                                    {"threads", local->pool->threads()},
                                    {"prompt", options.text.prompt},
                                    {"gen", options.text.generate},
                                    {"depth", options.text.depth},
                                    {"batch", options.text.batch},
                                    {"repetitions", options.text.repetitions},
                                    {"prefill_tokens_per_s", result->prefill_tokens_per_s},
                                    {"decode_tokens_per_s", result->decode_tokens_per_s},
                                    {"ttft_ms", result->ttft_ms},
                                    {"peak_rss_bytes", result->peak_rss_bytes},
                                    {"kernels", kernels},
                                    {"busy", result->busy}};
  return print(body.dump() + "\n");
}

}  // namespace

Action add_bench(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto* text = app.add_subcommand("text", "prompt and generation speed of a text model");
  app.require_subcommand(1);
  app.fallthrough();
  text->add_option("MODEL", options->local.model, "a model's name or path")->required();
  text->add_option("--prompt", options->text.prompt, "tokens of the prompt; 0 = skip")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  text->add_option("--gen", options->text.generate, "tokens to generate; 0 = skip")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  text->add_option("--depth", options->text.depth, "tokens of context before generation")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  text->add_option("--batch", options->text.batch, "sequences that generate together")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  text->add_option("--repetitions", options->text.repetitions, "medians are over these")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  text->add_flag("--repeat", options->repeat,
                 "in place of all that: --gen tokens of code that the prompt holds, with and without drafts from it");
  add_local_options(*text, options->local);
  text->fallthrough();
  text->footer(
      "Medians after one repetition that is not counted. busy: share of the machine that other processes used "
      "meanwhile.\n"
      "Example:\n  zenith bench text smollm2-135m --threads 2 --json");

  auto* wire = app.add_subcommand("wire", "round trips over links, beside plain libzmq");
  wire->add_option("--transport", options->wire.transport, "inproc, ipc, shm or tcp")
      ->check(CLI::IsMember({"inproc", "ipc", "shm", "tcp"}))
      ->capture_default_str();
  wire->add_option("--bytes", options->wire.bytes, "of the tensor that goes there and back")
      ->check(CLI::Range(1, 1 << 26))
      ->capture_default_str();
  wire->add_option("--window", options->wire.window, "requests on the way at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  wire->add_option("--iterations", options->wire.iterations, "requests of each side")
      ->check(CLI::Range(100, 1 << 24))
      ->capture_default_str();
  wire->add_option("--serve", options->serve)->group("");  // the peer process's
  wire->fallthrough();
  wire->callback([options] { options->is_wire = true; });
  wire->footer(
      "Baseline and links take turns in one run; both sides are pinned to one core. ipc never uses shared memory, tcp "
      "is "
      "CURVE on both.\n"
      "Example:\n  zenith bench wire --transport shm --bytes 65536 --json");
  return [options](const Context& context) {
    return options->is_wire ? bench_links(*options, context) : bench(*options, context);
  };
}

}  // namespace zenith::tools
