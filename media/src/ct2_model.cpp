#include "ct2_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <span>

namespace zenith::media {
namespace {

static_assert(std::endian::native == std::endian::little);
constexpr std::uint32_t kVersion = 6;
constexpr std::size_t kMostArrays = 4096, kMostRank = 4;
constexpr std::uintmax_t kLargestFile = std::uintmax_t{2} << 30;

tl::unexpected<Error> bad(const std::string& name, const std::string& what) {
  return fail(Errc::bad_file, fmt::format("model.bin: '{}' {}", name, what), name);
}

std::size_t width_of(Ct2Type type) noexcept {
  switch (type) {
    case Ct2Type::f32:
    case Ct2Type::i32: return 4;
    case Ct2Type::i16:
    case Ct2Type::f16: return 2;
    case Ct2Type::i8: return 1;
  }
  return 0;
}

/// Takes values off the front; the first that does not fit makes all later ones fail.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class T>
  bool take(T& to) {
    if (bytes_.size() - at_ < sizeof(T)) return false;
    std::memcpy(&to, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }
  /// A length of 16 bits, then so many bytes, the last of which may be a NUL.
  bool take(std::string& to) {
    std::uint16_t length = 0;
    if (!take(length) || bytes_.size() - at_ < length) return false;
    to.assign(reinterpret_cast<const char*>(bytes_.data() + at_), length);
    at_ += length;
    if (!to.empty() && to.back() == '\0') to.pop_back();
    return to.find('\0') == std::string::npos;
  }
  bool skip(std::size_t count) {
    if (bytes_.size() - at_ < count) return false;
    at_ += count;
    return true;
  }
  std::size_t at() const noexcept { return at_; }
  bool over() const noexcept { return at_ == bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

Expected<Ct2Array> read_array(Cursor& in, const std::string& name) {
  Ct2Array array;
  std::uint8_t rank = 0, type = 0;
  if (!in.take(rank)) return bad(name, "is cut off");
  if (rank > kMostRank) return bad(name, fmt::format("has {} dimensions, at most {} are known", rank, kMostRank));
  std::size_t count = 1;
  for (int i = 0; i < rank; ++i) {
    std::uint32_t dim = 0;
    if (!in.take(dim)) return bad(name, "is cut off");
    if (dim != 0 && count > kLargestFile / dim) return bad(name, "is larger than any file");
    count *= dim;
    array.shape.push_back(dim);
  }
  std::uint32_t bytes = 0;
  if (!in.take(type) || !in.take(bytes)) return bad(name, "is cut off");
  if (type > static_cast<std::uint8_t>(Ct2Type::f16)) return bad(name, fmt::format("is of the unknown type {}", type));
  array.type = Ct2Type{type};
  if (bytes != count * width_of(array.type)) {
    return bad(name, fmt::format("says {} bytes, its shape [{}] needs {}", bytes, fmt::join(array.shape, ", "),
                                 count * width_of(array.type)));
  }
  array.offset = in.at();
  array.bytes = bytes;
  if (!in.skip(bytes)) return bad(name, "ends behind the end of the file");
  return array;
}

}  // namespace

float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fU, fraction = half & 0x3ffU;
  if (exponent == 0) {
    const float small = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -small : small;
  }
  const std::uint32_t bits =
      exponent == 31 ? 0x7f800000U | (fraction << 13) : ((exponent + 112) << 23) | (fraction << 13);
  return std::bit_cast<float>(sign | bits);
}

Expected<Ct2Model> Ct2Model::parse(std::vector<std::byte> bytes) {
  Ct2Model model;
  model.bytes_ = std::move(bytes);
  Cursor in{model.bytes_};
  std::uint32_t version = 0, revision = 0, count = 0;
  if (!in.take(version) || version != kVersion) {
    return bad("version", fmt::format("is {}; version {} of CTranslate2's format is read", version, kVersion));
  }
  if (!in.take(model.spec_) || !in.take(revision) || !in.take(count)) return bad("head", "is cut off");
  if (count > kMostArrays) return bad("head", fmt::format("says {} arrays, at most {} are read", count, kMostArrays));
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string name;
    if (!in.take(name)) return bad(fmt::format("array {}", i), "has no whole name");
    auto array = read_array(in, name);
    if (!array) return tl::make_unexpected(array.error());
    if (!model.arrays_.emplace(name, std::move(*array)).second) return bad(name, "is there twice");
  }
  std::uint32_t aliases = 0;
  if (!in.take(aliases) || aliases > kMostArrays) return bad("aliases", "are cut off or too many");
  for (std::uint32_t i = 0; i < aliases; ++i) {
    std::string alias, name;
    if (!in.take(alias) || !in.take(name)) return bad("aliases", "are cut off");
    if (!model.arrays_.contains(name)) return bad(alias, fmt::format("stands for '{}', which is missing", name));
    model.aliases_[alias] = name;
  }
  if (!in.over()) return bad("end", "is followed by more bytes");
  model.hash_ = XXH3_64bits(model.bytes_.data(), model.bytes_.size());
  return model;
}

Expected<Ct2Model> Ct2Model::read(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return fail(Errc::not_found, "there is no file " + path.string(), "model");
  if (size > kLargestFile) return fail(Errc::bad_file, path.string() + " is too large for a whisper model", "model");
  std::vector<std::byte> bytes(size);
  std::ifstream file{path, std::ios::binary};
  if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) {
    return fail(Errc::io, path.string() + " cannot be read", "model");
  }
  auto model = parse(std::move(bytes));
  if (!model) model.error().message = path.parent_path().string() + "/" + model.error().message;
  return model;
}

const Ct2Array* Ct2Model::find(const std::string& name) const {
  const auto alias = aliases_.find(name);
  const auto at = arrays_.find(alias == aliases_.end() ? name : alias->second);
  return at == arrays_.end() ? nullptr : &at->second;
}

Expected<std::vector<float>> Ct2Model::floats(const std::string& name, const std::vector<std::size_t>& shape) const {
  const Ct2Array* array = find(name);
  if (array == nullptr) return bad(name, "is missing");
  if (array->shape != shape) {
    return bad(name,
               fmt::format("has the shape [{}], not [{}]", fmt::join(array->shape, ", "), fmt::join(shape, ", ")));
  }
  const std::byte* from = bytes_.data() + array->offset;
  std::vector<float> out(array->bytes / width_of(array->type));
  if (array->type == Ct2Type::f32) {
    std::memcpy(out.data(), from, array->bytes);
  } else if (array->type == Ct2Type::f16) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, from + i * sizeof half, sizeof half);
      out[i] = half_to_float(half);
    }
  } else {
    return bad(name, "is quantised; f16 and f32 are read");
  }
  for (const float x : out) {
    if (!std::isfinite(x)) return bad(name, "holds a number that is not finite");
  }
  return out;
}

}  // namespace zenith::media
