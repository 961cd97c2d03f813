// Threads, scratch memory and a ledger for engine tests.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "zenith/core/ledger.hpp"
#include "zenith/kernels/exec.hpp"
#include "zenith/kernels/thread_pool.hpp"

namespace zenith::models::test {

struct Machine {
  kernels::ThreadPool pool;
  kernels::Workspace workspace;
  kernels::Exec ex;
  MemoryLedger ledger{std::uint64_t{8} << 30};
  explicit Machine(int threads = 2, kernels::Numerics numerics = kernels::Numerics::fast)
      : pool(threads), ex{kernels::Device::cpu, &pool, &workspace, numerics} {}
};

inline std::filesystem::path model_file(const std::string& relative) {
  const char* home = std::getenv("ZENITH_HOME");
  if (home != nullptr) return std::filesystem::path{home} / "models" / relative;
  const char* user = std::getenv("HOME");
  return std::filesystem::path{user != nullptr ? user : "/root"} / ".cache/zenith/models" / relative;
}

inline std::filesystem::path smollm2() { return model_file("smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf"); }

}  // namespace zenith::models::test
