// Reads the arrays of the golden scripts: .npy version 1, little-endian f32 or i32, C order.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace zenith::parity {

template <class T>
struct Array {
  std::size_t rows = 0, cols = 0;  ///< a one-dimensional array has one row
  std::vector<T> values;

  const T* row(std::size_t i) const { return values.data() + i * cols; }
};

/// Throws std::runtime_error naming the file when it is no such array; a test's body may.
template <class T>
Array<T> load_npy(const std::string& path) {
  static_assert(sizeof(T) == 4);
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto wrong = [&](const std::string& why) {
    return std::runtime_error(path + ": " + why + " (make parity writes it)");
  };
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0) throw wrong("missing, or no .npy file");
  const std::size_t start = 10 + static_cast<std::uint8_t>(bytes[8]) + 256U * static_cast<std::uint8_t>(bytes[9]);
  const std::string header = bytes.substr(10, start - 10);
  const char* kind = std::is_floating_point_v<T> ? "'<f4'" : "'<i4'";
  if (header.find(kind) == std::string::npos) throw wrong(std::string("its type is not ") + kind);
  if (header.find("'fortran_order': False") == std::string::npos) throw wrong("it is not in C order");

  std::vector<std::size_t> shape;
  const std::size_t open = header.find('('), close = header.find(')');
  for (std::size_t at = open + 1; at < close;) {
    std::size_t used = 0;
    shape.push_back(std::stoul(header.substr(at, close - at), &used));
    at += used;
    while (at < close && (header[at] == ',' || header[at] == ' ')) ++at;
  }
  Array<T> out;
  out.cols = shape.back();
  out.rows = shape.size() == 2 ? shape[0] : 1;
  if (shape.size() > 2 || bytes.size() - start != out.rows * out.cols * sizeof(T))
    throw wrong("its size is not that of its shape");
  out.values.resize(out.rows * out.cols);
  std::memcpy(out.values.data(), bytes.data() + start, out.values.size() * sizeof(T));
  return out;
}

}  // namespace zenith::parity
