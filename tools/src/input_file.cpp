#include "input_file.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <system_error>

namespace zenith::tools {
namespace fs = std::filesystem;

Expected<std::string> read_input_file(const std::string& path, std::size_t most) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) return fail(Errc::not_found, path + " cannot be opened: there is no such file", "FILE");
  if (!fs::is_regular_file(status)) return fail(Errc::invalid_argument, path + " is no file", "FILE");
  const auto size = fs::file_size(path, error);
  if (error) return fail(Errc::io, path + " cannot be read: " + error.message(), "FILE");
  if (size == 0) return fail(Errc::invalid_argument, path + " is empty", "FILE");
  if (size > most) {
    return fail(Errc::payload_too_large, fmt::format("{} has {} bytes, at most {} are taken", path, size, most),
                "FILE");
  }
  std::ifstream file{path, std::ios::binary};
  if (!file) return fail(Errc::io, path + " cannot be opened: may it be read?", "FILE");
  std::string bytes(size, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  if (file.gcount() != static_cast<std::streamsize>(size)) return fail(Errc::io, path + " cannot be read", "FILE");
  return bytes;
}

}  // namespace zenith::tools
