#include "npy.hpp"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

namespace zenith::tools {

Status write_npy(const std::filesystem::path& path, std::span<const float> values, std::size_t rows,
                 std::size_t columns) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                       std::to_string(columns) + "), }";
  constexpr std::size_t kPrefix = 10, kAlignment = 64;
  header.append((kAlignment - (kPrefix + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string prefix{"\x93NUMPY\x01\x00", 8};
  prefix += static_cast<char>(header.size() & 0xff);
  prefix += static_cast<char>(header.size() >> 8);

  std::FILE* file = std::fopen(path.c_str(), "wb");
  bool ok = file != nullptr;
  if (ok) {
    ok = std::fwrite(prefix.data(), 1, prefix.size(), file) == prefix.size() &&
         std::fwrite(header.data(), 1, header.size(), file) == header.size() &&
         std::fwrite(values.data(), sizeof(float), values.size(), file) == values.size();
    ok = std::fclose(file) == 0 && ok;
    if (!ok) std::remove(path.c_str());
  }
  if (!ok) return fail(Errc::io, path.string() + " cannot be written: " + std::generic_category().message(errno), "o");
  return {};
}

}  // namespace zenith::tools
