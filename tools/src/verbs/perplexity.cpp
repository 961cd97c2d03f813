#include <fmt/core.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "local_model.hpp"
#include "verb.hpp"
#include "zenith/models/engine/evaluate.hpp"
#include "zenith/tools/progress.hpp"

namespace zenith::tools {
namespace {

struct Options {
  LocalOptions local;
  std::string file;
};

constexpr std::uintmax_t kMostText = std::uintmax_t{1} << 30;

Expected<std::string> read_text(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return fail(Errc::not_found, "the text " + path + " cannot be read: " + error.message(), "file");
  if (size > kMostText) return fail(Errc::payload_too_large, "the text " + path + " is larger than 1 GiB", "file");
  std::string text(size, '\0');
  std::ifstream stream{path, std::ios::binary};
  if (!stream.read(text.data(), static_cast<std::streamsize>(size)))
    return fail(Errc::io, "the text " + path + " cannot be read", "file");
  return text;
}

Status perplexity(const Options& options, const Context& context) {
  const auto text = read_text(options.file);
  if (!text) return tl::make_unexpected(text.error());
  auto local = open_local(options.local);
  if (!local) return tl::make_unexpected(local.error());
  const auto& tokenizer = *local->loaded.tokenizer;
  const auto ids = tokenizer.encode(*text, {.add_special = true, .parse_special = false, .untrusted = {}});
  const auto progress = make_progress();
  const auto start = std::chrono::steady_clock::now();
  progress->begin("perplexity of " + options.file, text->size());
  const auto result =
      models::perplexity(local->loaded, local->exec, *local->ledger, ids, [&](std::size_t done, std::size_t all) {
        progress->update(text->size() * done / all);
        return true;
      });
  progress->end();
  if (!result) return tl::make_unexpected(result.error());
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!context.json) {
    return print(fmt::format("perplexity {:.4f} over {} tokens in {} windows of 512 ({:.1f} s)\n", result->perplexity,
                             result->scored_tokens, result->windows, seconds));
  }
  const nlohmann::ordered_json body{{"perplexity", result->perplexity},
                                    {"mean_nll", result->mean_nll},
                                    {"tokens", ids.size()},
                                    {"scored_tokens", result->scored_tokens},
                                    {"windows", result->windows},
                                    {"context", 512},
                                    {"numerics", options.local.numerics},
                                    {"seconds", seconds}};
  return print(body.dump() + "\n");
}

}  // namespace

Action add_perplexity(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->local.model, "a model's name or path")->required();
  app.add_option("FILE", options->file, "text; windows of 512 tokens, the second half of each is scored")->required();
  add_local_options(app, options->local);
  return [options](const Context& context) { return perplexity(*options, context); };
}

}  // namespace zenith::tools
