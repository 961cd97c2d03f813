// Builds GGUF files in memory, honest and lying ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zenith::models::test {

enum GgufType : std::uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };

class Bytes {
 public:
  template <class T>
  Bytes& put(T value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    data.insert(data.end(), p, p + sizeof(T));
    return *this;
  }
  Bytes& text(std::string_view s) {
    put<std::uint64_t>(s.size());
    return raw(s);
  }
  Bytes& raw(std::string_view s) {
    const auto* p = reinterpret_cast<const std::byte*>(s.data());
    data.insert(data.end(), p, p + s.size());
    return *this;
  }
  std::vector<std::byte> data;
};

/// Tensors are given in file order, innermost extent first.
struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t> extents;
  std::uint32_t type = 0;
  std::vector<std::byte> bytes;
  std::int64_t offset = -1;  ///< -1: where it belongs
};

class GgufWriter {
 public:
  std::uint32_t magic = 0x46554747, version = 3;
  std::int64_t tensor_count = -1, key_count = -1;  ///< -1: the truth
  std::uint64_t alignment = 32;
  std::vector<GgufTensor> tensors;

  GgufWriter& key(std::string_view name, std::uint32_t type, const Bytes& value) {
    keys_.text(name).put(type);
    keys_.data.insert(keys_.data.end(), value.data.begin(), value.data.end());
    ++keys_count_;
    return *this;
  }
  GgufWriter& u32(std::string_view name, std::uint32_t v) { return key(name, kU32, Bytes{}.put(v)); }
  GgufWriter& f32(std::string_view name, float v) { return key(name, kF32, Bytes{}.put(v)); }
  GgufWriter& string(std::string_view name, std::string_view v) { return key(name, kString, Bytes{}.text(v)); }
  GgufWriter& tensor(GgufTensor t) {
    tensors.push_back(std::move(t));
    return *this;
  }
  GgufWriter& floats(std::string name, std::vector<std::uint64_t> extents, std::span<const float> values) {
    const auto bytes = std::as_bytes(values);
    return tensor({std::move(name), std::move(extents), 0, {bytes.begin(), bytes.end()}});
  }

  std::vector<std::byte> build() const {
    Bytes out;
    out.put(magic).put(version);
    out.put<std::uint64_t>(tensor_count < 0 ? tensors.size() : static_cast<std::uint64_t>(tensor_count));
    out.put<std::uint64_t>(key_count < 0 ? keys_count_ : static_cast<std::uint64_t>(key_count));
    out.data.insert(out.data.end(), keys_.data.begin(), keys_.data.end());
    std::uint64_t at = 0;
    std::vector<std::byte> data;
    for (const GgufTensor& t : tensors) {
      out.text(t.name).put<std::uint32_t>(static_cast<std::uint32_t>(t.extents.size()));
      for (const std::uint64_t e : t.extents) out.put(e);
      out.put(t.type).put<std::uint64_t>(t.offset < 0 ? at : static_cast<std::uint64_t>(t.offset));
      data.insert(data.end(), t.bytes.begin(), t.bytes.end());
      data.resize((data.size() + alignment - 1) / alignment * alignment);
      at = data.size();
    }
    out.data.resize((out.data.size() + alignment - 1) / alignment * alignment);
    out.data.insert(out.data.end(), data.begin(), data.end());
    return out.data;
  }

 private:
  Bytes keys_;
  std::uint64_t keys_count_ = 0;
};

}  // namespace zenith::models::test
