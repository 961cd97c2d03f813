#include "reader.hpp"

#include <fmt/format.h>

#include <cstring>

#include "zenith/core/utf8.hpp"

namespace zenith::links {

tl::unexpected<Error> bad_body(std::string_view field, std::string_view what) {
  return zenith::fail(Errc::bad_frame, fmt::format("{}: {}", field, what), std::string{field});
}

void Reader::fail(std::string_view field, std::string_view what) {
  if (!fault_) fault_ = bad_body(field, what).value();
}

bool Reader::charge(std::size_t bytes, std::string_view field) {
  if (bytes > budget_) fail(field, "shared parts add up to more than the body");
  if (!ok()) return false;
  budget_ -= bytes;
  return true;
}

std::string Reader::text(const flatbuffers::String* from, std::string_view field) {
  if (from == nullptr || !charge(from->size(), field)) return {};
  const std::string_view view{from->c_str(), from->size()};
  if (!utf8_valid(view)) {
    fail(field, "is not UTF-8");
    return {};
  }
  return std::string{view};
}

std::vector<std::string> Reader::texts(const Rows<fb::Text>* from, std::string_view field) {
  const auto n = count(from, 2 * sizeof(flatbuffers::uoffset_t), field);
  std::vector<std::string> out;
  out.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n && ok(); ++i) out.push_back(text(from->Get(i)->text(), field));
  return out;
}

std::string Reader::bytes(const flatbuffers::Vector<std::uint8_t>* from, std::string_view field) {
  const auto n = count(from, 1, field);
  return n == 0 ? std::string{} : std::string{reinterpret_cast<const char*>(from->Data()), n};
}

std::vector<TokenId> Reader::tokens(const flatbuffers::Vector<std::int32_t>* from, std::string_view field) {
  std::vector<TokenId> out(count(from, sizeof(TokenId), field));
  if (!out.empty()) std::memcpy(out.data(), from->Data(), out.size() * sizeof(TokenId));
  return out;
}

Aligned::Aligned(const Buffer& body) : data_(reinterpret_cast<const std::uint8_t*>(body.data())) {
  if (reinterpret_cast<std::uintptr_t>(data_) % sizeof(std::uint64_t) == 0) return;
  copy_.resize((body.size() + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
  std::memcpy(copy_.data(), data_, body.size());
  data_ = reinterpret_cast<const std::uint8_t*>(copy_.data());
}

Status check_body_size(const Buffer& body, std::string_view name) {
  if (body.empty()) return bad_body(name, "the message has no body");
  if (body.size() > kMaxBodyBytes)
    return bad_body(name, fmt::format("a body of {} bytes, at most {} may be", body.size(), kMaxBodyBytes));
  return {};
}

Status check_kind(const wire::Message& message, wire::Kind kind) {
  if (message.header.kind == kind) return {};
  return bad_body("kind",
                  fmt::format("{} where {} belongs", wire::to_string(message.header.kind), wire::to_string(kind)));
}

}  // namespace zenith::links
