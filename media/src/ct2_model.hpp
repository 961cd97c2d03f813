// The file model.bin of CTranslate2: named arrays, little-endian, no alignment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "zenith/core/error.hpp"

namespace zenith::media {

enum class Ct2Type : std::uint8_t { f32, i8, i16, i32, f16 };

struct Ct2Array {
  Ct2Type type = Ct2Type::f32;
  std::vector<std::size_t> shape;  ///< slowest first; empty: a scalar
  std::size_t offset = 0, bytes = 0;
};

/// The bytes stay as they are in the file; arrays point into them.
class Ct2Model {
 public:
  /// Every length is checked against what is left before it is used. @returns not_found, io; bad_file naming the array.
  static Expected<Ct2Model> read(const std::filesystem::path& path);
  static Expected<Ct2Model> parse(std::vector<std::byte> bytes);

  /// The array or the one that it is an alias of; null: there is none.
  const Ct2Array* find(const std::string& name) const;
  /// As f32, converted if it is f16. @param shape what it must have. @returns bad_file naming the array.
  Expected<std::vector<float>> floats(const std::string& name, const std::vector<std::size_t>& shape) const;
  const std::string& spec() const noexcept { return spec_; }
  std::uint64_t hash() const noexcept { return hash_; }  ///< of all bytes

 private:
  std::vector<std::byte> bytes_;
  std::string spec_;
  std::map<std::string, Ct2Array> arrays_;
  std::map<std::string, std::string> aliases_;
  std::uint64_t hash_ = 0;
};

float half_to_float(std::uint16_t half) noexcept;

}  // namespace zenith::media
