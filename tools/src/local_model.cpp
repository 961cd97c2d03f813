#include "local_model.hpp"

#include <charconv>
#include <fstream>

#include "zenith/kernels/dispatch.hpp"
#include "zenith/models/weights/gguf.hpp"
#include "zenith/tools/model_files.hpp"

namespace zenith::tools {
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMostTokenizerBytes = 256u << 20;

Expected<std::unique_ptr<models::Tokenizer>> tokenizer_json(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return fail(Errc::not_found, path.string() + " does not exist: the model has no tokenizer.json", "model");
  if (size > kMostTokenizerBytes)
    return fail(Errc::payload_too_large, path.string() + " is larger than 256 MiB", "model");
  std::string text(size, '\0');
  std::ifstream stream{path, std::ios::binary};
  if (!stream.read(text.data(), static_cast<std::streamsize>(size)))
    return fail(Errc::io, path.string() + " cannot be read", "model");
  return models::tokenizer_from_json(text);
}

Expected<fs::path> resolve(const std::string& model) {
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  return resolve_model(model, models_dir(*config));
}

}  // namespace

void add_local_options(CLI::App& app, LocalOptions& options) {
  app.add_option("--numerics", options.numerics, "fast (default) or exact (f32 activations)")
      ->check(CLI::IsMember({"fast", "exact"}));
  app.add_option("--threads", options.threads, "compute threads; 0 = usable cores")->check(CLI::Range(0, 4096));
}

std::uint64_t memory_budget(const Config& config) {
  return config.models.budget_bytes != 0 ? config.models.budget_bytes : available_memory_bytes() / 10 * 9;
}

Status restrict_kernels() {
  const auto most = environment("ZENITH_KERNELS_MAX");
  if (!most) return {};
  const auto parsed = kernels::parse_int_dot(*most);
  if (!parsed) {
    return fail(Errc::invalid_argument, "environment ZENITH_KERNELS_MAX: " + parsed.error().message,
                "ZENITH_KERNELS_MAX");
  }
  return kernels::restrict_int_dot(*parsed);
}

Expected<LocalModel> open_local(const LocalOptions& options) {
  if (auto ok = restrict_kernels(); !ok) return tl::make_unexpected(ok.error());
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  const auto path = resolve_model(options.model, models_dir(*config));
  if (!path) return tl::make_unexpected(path.error());

  LocalModel local;
  local.ledger = std::make_unique<MemoryLedger>(memory_budget(*config));
  const auto numerics = options.numerics == "exact" ? kernels::Numerics::exact : kernels::Numerics::fast;
  auto loaded =
      models::load_model(*path, {.numerics = numerics, .packed = models::packed_cache(config->models)}, *local.ledger);
  if (!loaded) return tl::make_unexpected(loaded.error());
  local.loaded = std::move(*loaded);
  const int threads = options.threads > 0 ? options.threads : kernels::usable_cores();
  local.pool = std::make_unique<kernels::ThreadPool>(threads);
  local.workspace = std::make_unique<kernels::Workspace>();
  local.exec = {kernels::Device::cpu, local.pool.get(), local.workspace.get(), numerics};
  return local;
}

Expected<std::unique_ptr<models::Tokenizer>> open_tokenizer(const std::string& model) {
  std::error_code error;
  // tokenizer.json and folders are given by path; everything else follows the rules of MODEL.
  fs::path path{model};
  if (!path.string().ends_with(".json") || !fs::exists(path, error)) {
    auto resolved = resolve(model);
    if (!resolved) return tl::make_unexpected(resolved.error());
    path = std::move(*resolved);
  }
  if (fs::is_directory(path, error)) return tokenizer_json(path / "tokenizer.json");
  if (path.extension() == ".json") return tokenizer_json(path);
  const auto source = models::open_gguf(path);
  if (!source) return tl::make_unexpected(source.error());
  return models::tokenizer_from_gguf(**source);
}

Expected<std::vector<TokenId>> parse_ids(std::string_view text, const std::string& param) {
  std::vector<TokenId> ids;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto part = text.substr(0, comma);
    TokenId id = 0;
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), id);
    if (code != std::errc{} || end != part.data() + part.size()) {
      return fail(Errc::invalid_argument,
                  "'" + std::string{part} + "' is no token id: whole numbers separated by commas are needed", param);
    }
    ids.push_back(id);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (ids.empty()) return fail(Errc::invalid_argument, "no token ids were given", param);
  return ids;
}

}  // namespace zenith::tools
