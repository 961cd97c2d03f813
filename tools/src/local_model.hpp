// A model in this process, without the server: for verbs that measure or inspect it.
#pragma once

#include <memory>
#include <string>

#include "verb.hpp"
#include "zenith/core/ledger.hpp"
#include "zenith/kernels/exec.hpp"
#include "zenith/kernels/thread_pool.hpp"
#include "zenith/models/engine/model.hpp"

namespace zenith::tools {

struct LocalOptions {
  std::string model;  ///< name or path
  std::string numerics = "fast";
  int threads = 0;  ///< 0: usable cores
};

/// --numerics and --threads.
void add_local_options(CLI::App& app, LocalOptions& options);

/// Owns all that a forward pass needs. One thread.
struct LocalModel {
  std::unique_ptr<MemoryLedger> ledger;  // outlives `loaded`, which holds a reservation
  models::LoadedModel loaded;
  std::unique_ptr<kernels::ThreadPool> pool;
  std::unique_ptr<kernels::Workspace> workspace;
  kernels::Exec exec;
};

/// Resolves and loads. @returns not_found, bad_file, unsupported, out_of_memory.
Expected<LocalModel> open_local(const LocalOptions& options);

/// models.budget_bytes, else 90 % of what is available.
std::uint64_t memory_budget(const Config& config);

/// Only the tokenizer of MODEL: a GGUF file (one with a vocabulary alone too), a folder with tokenizer.json, or that
/// file.
Expected<std::unique_ptr<models::Tokenizer>> open_tokenizer(const std::string& model);

/// "1,2,3". @returns invalid_argument naming `param`.
Expected<std::vector<TokenId>> parse_ids(std::string_view text, const std::string& param);

/// Applies $ZENITH_KERNELS_MAX, once, before any model is loaded.
Status restrict_kernels();

}  // namespace zenith::tools
