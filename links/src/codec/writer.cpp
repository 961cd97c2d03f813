#include "writer.hpp"

#include <fmt/format.h>

#include "reader.hpp"
#include "zenith/core/utf8.hpp"

namespace zenith::links {

void Writer::fail(std::string_view field, std::string_view what) {
  if (!fault_) fault_ = Error{Errc::invalid_argument, fmt::format("{}: {}", field, what), std::string{field}, {}};
}

At<flatbuffers::String> Writer::text(std::string_view value, std::string_view field) {
  if (value.empty()) return {};
  if (utf8_valid(value)) return fbb_.CreateString(value.data(), value.size());
  if (policy_ == BadText::repair) return fbb_.CreateString(utf8_lossy(value));
  fail(field, "is not UTF-8");
  return {};
}

At<flatbuffers::Vector<At<fb::Text>>> Writer::texts(const std::vector<std::string>& values, std::string_view field) {
  return rows<fb::Text>(values, [&](const std::string& value) {
    const auto at = text(value, field);
    return fb::CreateText(fbb_, at);
  });
}

At<flatbuffers::Vector<std::uint8_t>> Writer::bytes(std::string_view value) {
  if (value.empty()) return {};
  return fbb_.CreateVector(reinterpret_cast<const std::uint8_t*>(value.data()), value.size());
}

At<flatbuffers::Vector<std::int32_t>> Writer::tokens(const std::vector<TokenId>& values) {
  if (values.empty()) return {};
  return fbb_.CreateVector(values);
}

Status Writer::check() const {
  if (fault_) return tl::make_unexpected(*fault_);
  constexpr std::size_t kOthers = 64;  // tables that are not in a vector
  if (tables_ > kMaxTables - kOthers)
    return zenith::fail(Errc::payload_too_large,
                        fmt::format("a request of {} parts, at most {} may be", tables_, kMaxTables - kOthers));
  constexpr std::size_t kRoot = 64;  // what finishing adds, alignment included
  if (fbb_.GetSize() > kMaxBodyBytes - kRoot)
    return zenith::fail(Errc::payload_too_large,
                        fmt::format("a request of {} bytes, at most {} may be", fbb_.GetSize(), kMaxBodyBytes - kRoot));
  return {};
}

Buffer Writer::detach() {
  auto owner = std::make_shared<flatbuffers::DetachedBuffer>(fbb_.Release());
  const std::span bytes{reinterpret_cast<const std::byte*>(owner->data()), owner->size()};
  return {std::move(owner), bytes};
}

}  // namespace zenith::links
