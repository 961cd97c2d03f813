// A cursor over bytes that cannot leave them: every read says whether there was enough.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace zenith::models {

/// Little-endian (the only byte order Zenith runs on). Any alignment.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  std::size_t position() const noexcept { return at_; }
  std::size_t remaining() const noexcept { return bytes_.size() - at_; }

  /// What was read since position `begin`. @pre begin <= position()
  std::span<const std::byte> since(std::size_t begin) const noexcept { return bytes_.subspan(begin, at_ - begin); }

  template <class T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> read() noexcept {
    if (remaining() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  /// A view of the next `count` bytes.
  std::optional<std::string_view> text(std::uint64_t count) noexcept {
    if (count > remaining()) return std::nullopt;
    const std::string_view view{reinterpret_cast<const char*>(bytes_.data()) + at_, static_cast<std::size_t>(count)};
    at_ += view.size();
    return view;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

}  // namespace zenith::models
