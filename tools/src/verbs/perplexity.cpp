#include <fmt/core.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "local_model.hpp"
#include "npy.hpp"
#include "verb.hpp"
#include "zenith/models/engine/divergence.hpp"
#include "zenith/models/engine/evaluate.hpp"
#include "zenith/tools/progress.hpp"

namespace zenith::tools {
namespace {

struct Options {
  LocalOptions local;
  std::string file;
  std::string base, save;  ///< --kl, --save-logits; empty: none
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

/// What is done with the scored rows beside their likelihood: kept as a base, compared with one.
class ScoredRows {
 public:
  /// Opens the files before anything is computed. @returns io, not_found, bad_file naming both shapes.
  static Expected<ScoredRows> open(const Options& options, std::size_t rows, std::size_t vocab) {
    ScoredRows out;
    out.vocab_ = vocab;
    if (!options.base.empty()) {
      auto base = NpyReader::open(options.base, "kl");
      if (!base) return tl::make_unexpected(base.error());
      if (base->rows() != rows || base->columns() != vocab) {
        return fail(
            Errc::bad_file,
            fmt::format("{} has the shape [{}, {}], this text and model need [{}, {}]; write it with --save-logits "
                        "on the same text",
                        options.base, base->rows(), base->columns(), rows, vocab),
            "kl");
      }
      out.base_.emplace(std::move(*base));
    }
    if (!options.save.empty()) {
      auto saved = NpyWriter::create(options.save, rows, vocab, "save-logits");
      if (!saved) return tl::make_unexpected(saved.error());
      out.saved_.emplace(std::move(*saved));
    }
    return out;
  }

  Status add(std::span<const float> logits, std::span<const TokenId> targets) {
    if (saved_) {
      if (auto ok = saved_->write(logits); !ok) return ok;
    }
    if (!base_) return {};
    std::vector<float> row(vocab_);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (auto ok = base_->read(row); !ok) return ok;
      if (auto ok = divergence_.add(row, logits.subspan(i * vocab_, vocab_), targets[i]); !ok) return ok;
    }
    return {};
  }

  Status finish() { return saved_ ? saved_->finish() : Status{}; }
  std::optional<models::DivergenceSummary> summary() const {
    return base_ ? std::optional{divergence_.summary()} : std::nullopt;
  }

 private:
  std::size_t vocab_ = 0;
  std::optional<NpyReader> base_;
  std::optional<NpyWriter> saved_;
  models::Divergence divergence_;
};

std::string for_people(const models::Perplexity& result, const std::optional<models::DivergenceSummary>& kl,
                       double seconds) {
  std::string text = fmt::format("perplexity {:.4f} over {} tokens in {} windows of {} ({:.1f} s)\n", result.perplexity,
                                 result.scored_tokens, result.windows, models::kPerplexityWindow, seconds);
  if (kl) {
    text += fmt::format(
        "KL(base || this) mean {:.6f}, 99 % {:.6f}, max {:.6f} nats; same first choice {:.2f} %; base perplexity "
        "{:.4f}\n",
        kl->kl_mean, kl->kl_p99, kl->kl_max, 100 * kl->top1_agreement, kl->base_perplexity);
  }
  return text;
}

Status perplexity(const Options& options, const Context& context) {
  const auto text = read_text(options.file);
  if (!text) return tl::make_unexpected(text.error());
  auto local = open_local(options.local);
  if (!local) return tl::make_unexpected(local.error());
  const auto& tokenizer = *local->loaded.tokenizer;
  const auto ids = tokenizer.encode(*text, {.add_special = true, .parse_special = false, .untrusted = {}});
  auto rows = ScoredRows::open(options, ids.size() / models::kPerplexityWindow * models::kPerplexityScored,
                               local->loaded.model->info().vocab);
  if (!rows) return tl::make_unexpected(rows.error());
  const auto progress = make_progress();
  const auto start = std::chrono::steady_clock::now();
  progress->begin("perplexity of " + options.file, text->size());
  const auto result = models::perplexity(
      local->loaded, local->exec, *local->ledger, ids,
      [&](std::size_t done, std::size_t all) {
        progress->update(text->size() * done / all);
        return true;
      },
      [&](std::span<const float> logits, std::span<const TokenId> targets) { return rows->add(logits, targets); });
  progress->end();
  if (!result) return tl::make_unexpected(result.error());
  if (auto ok = rows->finish(); !ok) return ok;
  const auto kl = rows->summary();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!context.json) return print(for_people(*result, kl, seconds));
  nlohmann::ordered_json body{{"perplexity", result->perplexity},
                              {"mean_nll", result->mean_nll},
                              {"tokens", ids.size()},
                              {"scored_tokens", result->scored_tokens},
                              {"windows", result->windows},
                              {"context", models::kPerplexityWindow},
                              {"numerics", options.local.numerics},
                              {"seconds", seconds}};
  if (kl) {
    body["kl_mean"] = kl->kl_mean;
    body["kl_p99"] = kl->kl_p99;
    body["kl_max"] = kl->kl_max;
    body["top1_agreement"] = kl->top1_agreement;
    body["base_perplexity"] = kl->base_perplexity;
  }
  return print(body.dump() + "\n");
}

}  // namespace

Action add_perplexity(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->local.model, "a model's name or path")->required();
  app.add_option("FILE", options->file, "text; windows of 512 tokens, the second half of each is scored")->required();
  app.add_option("--kl", options->base,
                 "compare with the logits or log-probabilities of this NumPy file (f32 [scored tokens, vocabulary], as "
                 "--save-logits writes it for the same text): KL(base || this) in nats, agreement of the first choice");
  app.add_option("--save-logits", options->save,
                 "write the scored positions' logits, a base for --kl: 4 bytes x vocabulary x scored tokens");
  add_local_options(app, options->local);
  return [options](const Context& context) { return perplexity(*options, context); };
}

}  // namespace zenith::tools
