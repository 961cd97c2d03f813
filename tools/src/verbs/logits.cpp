#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "local_model.hpp"
#include "npy.hpp"
#include "verb.hpp"
#include "zenith/models/engine/evaluate.hpp"

namespace zenith::tools {
namespace {

struct Options {
  LocalOptions local;
  std::string ids, output;
  bool all = false;
};

/// The ten most probable tokens, for people.
std::string table(const std::vector<float>& logits, const models::Tokenizer& tokenizer) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto shown = static_cast<std::ptrdiff_t>(std::min<std::size_t>(10, order.size()));
  std::partial_sort(order.begin(), order.begin() + shown, order.end(),
                    [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  std::string text = fmt::format("{:>8}  {:>10}  {}\n", "ID", "LOGIT", "TOKEN");
  for (std::ptrdiff_t i = 0; i < shown; ++i) {
    const auto id = order[static_cast<std::size_t>(i)];
    text += fmt::format("{:>8}  {:>10.4f}  {}\n", id, logits[id],
                        nlohmann::json(std::string{tokenizer.text(static_cast<TokenId>(id))})
                            .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return text;
}

Status logits(const Options& options, const Context& context) {
  if (options.all && options.output.empty()) return fail(Errc::invalid_argument, "--all needs -o FILE.npy", "o");
  const auto ids = parse_ids(options.ids, "ids");
  if (!ids) return tl::make_unexpected(ids.error());
  auto local = open_local(options.local);
  if (!local) return tl::make_unexpected(local.error());
  const auto values = models::logits(local->loaded, local->exec, *local->ledger, *ids, options.all);
  if (!values) return tl::make_unexpected(values.error());
  const std::size_t vocab = local->loaded.model->info().vocab;
  if (!options.output.empty()) {
    if (auto ok = write_npy(options.output, *values, values->size() / vocab, vocab); !ok) return ok;
  }
  if (options.all) {
    const nlohmann::ordered_json body{{"file", options.output}, {"rows", values->size() / vocab}, {"vocab", vocab}};
    return context.json ? print(body.dump() + "\n") : Status{};
  }
  if (context.json) return print(nlohmann::ordered_json{{"logits", *values}}.dump() + "\n");
  return print(table(*values, *local->loaded.tokenizer));
}

}  // namespace

Action add_logits(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->local.model, "a model's name or path")->required();
  app.add_option("--ids", options->ids, "token ids, separated by commas")->required();
  app.add_flag("--all", options->all, "the logits after every position, to -o");
  app.add_option("-o,--output", options->output, "write f32 [rows, vocab] as a NumPy file");
  add_local_options(app, options->local);
  return [options](const Context& context) { return logits(*options, context); };
}

}  // namespace zenith::tools
