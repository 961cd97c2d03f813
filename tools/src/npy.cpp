#include "npy.hpp"

#include <array>
#include <cerrno>
#include <regex>
#include <string>
#include <system_error>

namespace zenith::tools {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

std::string header_of(std::size_t rows, std::size_t columns) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                       std::to_string(columns) + "), }";
  constexpr std::size_t kPrefix = 10, kAlignment = 64;
  header.append((kAlignment - (kPrefix + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string all{kMagic};
  all += {'\1', '\0', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  return all + header;
}

}  // namespace

Expected<NpyWriter> NpyWriter::create(const std::filesystem::path& path, std::size_t rows, std::size_t columns,
                                      std::string param) {
  NpyWriter writer{path, std::move(param), File{std::fopen(path.c_str(), "wb")}};
  if (!writer.file_) return tl::make_unexpected(writer.failed().error());
  const std::string header = header_of(rows, columns);
  if (std::fwrite(header.data(), 1, header.size(), writer.file_.get()) != header.size())
    return tl::make_unexpected(writer.failed().error());
  return writer;
}

NpyWriter::~NpyWriter() {
  std::error_code ignored;
  if (file_ && std::filesystem::is_regular_file(path_, ignored)) std::filesystem::remove(path_, ignored);
}

Status NpyWriter::write(std::span<const float> values) {
  if (std::fwrite(values.data(), sizeof(float), values.size(), file_.get()) != values.size()) return failed();
  return {};
}

Status NpyWriter::finish() {
  if (std::fflush(file_.get()) != 0) return failed();
  if (std::fclose(file_.release()) != 0) return failed();
  return {};
}

Status NpyWriter::failed() const {
  return fail(Errc::io, path_.string() + " cannot be written: " + std::generic_category().message(errno), param_);
}

Status write_npy(const std::filesystem::path& path, std::span<const float> values, std::size_t rows,
                 std::size_t columns) {
  auto writer = NpyWriter::create(path, rows, columns, "o");
  if (!writer) return tl::make_unexpected(writer.error());
  if (auto ok = writer->write(values); !ok) return ok;
  return writer->finish();
}

Expected<NpyReader> NpyReader::open(const std::filesystem::path& path, std::string param) {
  NpyReader reader{path, std::move(param), File{std::fopen(path.c_str(), "rb")}};
  if (!reader.file_) {
    return fail(Errc::not_found, path.string() + " cannot be read: " + std::generic_category().message(errno),
                reader.param_);
  }
  if (auto ok = reader.read_header(); !ok) return tl::make_unexpected(ok.error());
  return reader;
}

tl::unexpected<Error> NpyReader::bad(const std::string& why) const {
  return fail(Errc::bad_file, path_.string() + ": " + why, param_);
}

Status NpyReader::read_header() {
  std::array<unsigned char, 12> start{};
  if (std::fread(start.data(), 1, 8, file_.get()) != 8 ||
      kMagic.compare({reinterpret_cast<char*>(start.data()), 6}) != 0)
    return bad("it is no NumPy array file");
  if (start[6] < 1 || start[6] > 3) return bad("its format version " + std::to_string(start[6]) + " is unknown");
  const std::size_t width = start[6] == 1 ? 2 : 4;
  if (std::fread(start.data() + 8, 1, width, file_.get()) != width) return bad("it ends in its header");
  std::size_t length = 0;
  for (std::size_t i = width; i-- > 0;) length = length << 8 | start[8 + i];
  if (length > 65535) return bad("its header is longer than 64 KiB");
  std::string header(length, '\0');
  if (std::fread(header.data(), 1, length, file_.get()) != length) return bad("it ends in its header");

  static const std::regex kShape{R"('shape'\s*:\s*\(\s*(\d{1,12})\s*,\s*(\d{1,12})\s*,?\s*\))"};
  std::smatch shape;
  if (!std::regex_search(header, std::regex{R"('descr'\s*:\s*'<f4')"}))
    return bad("its values are not little-endian float32 ('<f4'); convert them with astype('<f4')");
  if (!std::regex_search(header, std::regex{R"('fortran_order'\s*:\s*False)"})) return bad("it is not in C order");
  if (!std::regex_search(header, shape, kShape)) return bad("it has not two dimensions: [positions, vocabulary]");
  rows_ = std::stoull(shape[1]);
  columns_ = std::stoull(shape[2]);

  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path_, error);
  const std::uintmax_t before = 8 + width + length;
  // Below 10^12 each: the product of rows and columns is compared by division.
  const std::uintmax_t values = error || size < before ? 0 : (size - before) / sizeof(float);
  const bool fits = columns_ == 0 || rows_ <= values / columns_;
  if (!fits || rows_ * columns_ != values || (size - before) % sizeof(float) != 0) {
    return bad("its shape [" + std::to_string(rows_) + ", " + std::to_string(columns_) +
               "] does not agree with its size of " + std::to_string(size) + " bytes");
  }
  return {};
}

Status NpyReader::read(std::span<float> values) {
  if (std::fread(values.data(), sizeof(float), values.size(), file_.get()) != values.size())
    return bad("it ends before its last row");
  return {};
}

}  // namespace zenith::tools
