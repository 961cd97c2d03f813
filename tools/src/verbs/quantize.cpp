#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "local_model.hpp"
#include "signals.hpp"
#include "verb.hpp"
#include "whole_file.hpp"
#include "zenith/models/weights/quantize.hpp"
#include "zenith/tools/model_files.hpp"
#include "zenith/tools/progress.hpp"

namespace zenith::tools {
namespace {

constexpr DType kTypes[] = {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1, DType::bf16,
                            DType::f16,  DType::f32,  DType::q4_k, DType::q5_k, DType::q6_k};

struct Options {
  std::string in, out, type;
  int threads = 0;
  bool force = false, pure = false, allow_requantize = false;
};

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  for (const DType type : kTypes) names.emplace_back(dtype_info(type).name);
  return names;
}

DType parse_type(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return *std::ranges::find_if(kTypes, [&](DType type) { return dtype_info(type).name == name; });
}

std::string for_people(const Options& options, const models::GgufQuantizer& quantizer,
                       const models::QuantizeResult& result, double seconds) {
  std::map<std::string, std::size_t> types;
  std::size_t fell_back = 0;
  for (const auto& tensor : quantizer.tensors()) {
    ++types[std::string{dtype_info(tensor.to).name}];
    fell_back += tensor.fell_back ? 1 : 0;
  }
  std::string list;
  for (const auto& [name, count] : types) list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, name);
  std::string text = fmt::format("{}: {} ({:.2f} bits a weight), tensors: {}; relative RMS error {:.3g} ({:.1f} s)\n",
                                 options.out, human_bytes(result.bytes),
                                 8.0 * static_cast<double>(result.bytes) / static_cast<double>(result.weights), list,
                                 result.relative_rms_error, seconds);
  if (fell_back > 0) {
    text += fmt::format(
        "tensors whose rows are no multiple of the block of their type, and got a type of smaller "
        "blocks: {}\n",
        fell_back);
  }
  return text;
}

std::string for_scripts(const Options& options, const models::GgufQuantizer& quantizer,
                        const models::QuantizeResult& result, double seconds) {
  std::map<std::string, std::size_t> types;
  std::size_t converted = 0, fell_back = 0;
  for (const auto& tensor : quantizer.tensors()) {
    ++types[std::string{dtype_info(tensor.to).name}];
    converted += tensor.to != tensor.from.dtype ? 1 : 0;
    fell_back += tensor.fell_back ? 1 : 0;
  }
  const nlohmann::ordered_json body{
      {"out", options.out},
      {"type", dtype_info(parse_type(options.type)).name},
      {"bytes", result.bytes},
      {"bits_per_weight", 8.0 * static_cast<double>(result.bytes) / static_cast<double>(result.weights)},
      {"tensors", quantizer.tensors().size()},
      {"converted", converted},
      {"fell_back", fell_back},
      {"types", types},
      {"relative_rms_error", result.relative_rms_error},
      {"seconds", seconds}};
  return body.dump() + "\n";
}

Status quantize(const Options& options, const Context& context) {
  const auto signals = Signals::block({SIGINT, SIGTERM});  // a half file is removed before they end the process
  if (!signals) return tl::make_unexpected(signals.error());
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  const auto in = resolve_model(options.in, models_dir(*config));
  if (!in) return tl::make_unexpected(in.error());
  const auto quantizer = models::GgufQuantizer::open(
      *in, {.type = parse_type(options.type), .pure = options.pure, .allow_requantize = options.allow_requantize});
  if (!quantizer) return tl::make_unexpected(quantizer.error());

  int signal = 0;
  const auto start = std::chrono::steady_clock::now();
  Expected<models::QuantizeResult> result = fail(Errc::internal, "nothing was written");
  {
    auto file = WholeFile::create(options.out, quantizer->bytes(), options.force, "out");
    if (!file) return tl::make_unexpected(file.error());
    kernels::ThreadPool pool{options.threads > 0 ? options.threads : kernels::usable_cores()};
    const auto progress = make_progress();
    progress->begin(options.out, quantizer->bytes());
    result = quantizer->write(
        pool, [&](std::span<const std::byte> bytes) { return file->write(bytes); },
        [&](std::uint64_t written) {
          progress->update(written);
          signal = signals->take();
          return signal == 0;
        });
    progress->end();
    if (result) {
      if (auto ok = file->finish(); !ok) return ok;
    }
  }
  if (signal != 0) die_of(signal);
  if (!result) return tl::make_unexpected(result.error());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return print((context.json ? for_scripts : for_people)(options, *quantizer, *result, seconds));
}

}  // namespace

Action add_quantize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("IN", options->in, "a GGUF file's path, or a model's name")->required();
  app.add_option("OUT", options->out, "the file to write; it appears when it is whole")->required();
  app.add_option("--type", options->type, "of the weights")
      ->required()
      ->check(CLI::IsMember(type_names(), CLI::ignore_case));
  app.add_option("--threads", options->threads, "compute threads; 0 = usable cores")->check(CLI::Range(0, 4096));
  app.add_flag("--force", options->force, "replace OUT if it exists");
  app.add_flag("--pure", options->pure, "no finer type (Q6_K, or Q8_0) for the head");
  app.add_flag("--allow-requantize", options->allow_requantize,
               "quantise weights again that are quantised already: the errors add up");
  return [options](const Context& context) { return quantize(*options, context); };
}

}  // namespace zenith::tools
