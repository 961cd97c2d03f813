// NumPy's array files of f32 [rows, columns], C order, a row at a time.  Source: numpy.lib.format.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>

#include "zenith/core/error.hpp"

namespace zenith::tools {

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

/// Writes format 1.0. A file that was not finished is removed. One thread.
class NpyWriter {
 public:
  /// @param param names the flag in errors. @returns io.
  static Expected<NpyWriter> create(const std::filesystem::path& path, std::size_t rows, std::size_t columns,
                                    std::string param);
  NpyWriter(NpyWriter&&) = default;
  NpyWriter& operator=(NpyWriter&&) = delete;
  ~NpyWriter();
  /// The next values in order. @returns io.
  Status write(std::span<const float> values);
  /// @pre rows * columns values were written. @returns io.
  Status finish();

 private:
  NpyWriter(std::filesystem::path path, std::string param, File file)
      : path_(std::move(path)), param_(std::move(param)), file_(std::move(file)) {}
  Status failed() const;
  std::filesystem::path path_;
  std::string param_;
  File file_;
};

/// The whole array at once. @pre values.size() == rows * columns. @returns io; no file is left then.
Status write_npy(const std::filesystem::path& path, std::span<const float> values, std::size_t rows,
                 std::size_t columns);

/// Reads formats 1 to 3. One thread.
class NpyReader {
 public:
  /// @returns not_found, bad_file naming what differs from little-endian f32 [rows, columns] in C order.
  static Expected<NpyReader> open(const std::filesystem::path& path, std::string param);
  std::size_t rows() const noexcept { return rows_; }
  std::size_t columns() const noexcept { return columns_; }
  /// The next values in order. @returns bad_file when the file ends before.
  Status read(std::span<float> values);

 private:
  NpyReader(std::filesystem::path path, std::string param, File file)
      : path_(std::move(path)), param_(std::move(param)), file_(std::move(file)) {}
  Status read_header();
  tl::unexpected<Error> bad(const std::string& why) const;
  std::filesystem::path path_;
  std::string param_;
  File file_;
  std::size_t rows_ = 0, columns_ = 0;
};

}  // namespace zenith::tools
