// Reads a verified body. The first fault is kept; readers of fields go on with empty values and stop at the next check.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "enums.hpp"
#include "zenith/core/sampling.hpp"
#include "zenith/core/tensor.hpp"
#include "zenith/links/codec.hpp"

namespace zenith::links {

inline constexpr std::size_t kMaxTables = std::size_t{1} << 18;  // of a body

template <class T>
using Rows = flatbuffers::Vector<flatbuffers::Offset<T>>;

tl::unexpected<Error> bad_body(std::string_view field, std::string_view what);

class Reader {
 public:
  /// @param budget bytes of the body: parts that are shared inside it must not add up to more, so a small body cannot
  /// become a large message.
  explicit Reader(std::size_t budget) : budget_(budget) {}

  bool ok() const noexcept { return !fault_; }
  const Error& fault() const noexcept { return *fault_; }
  void fail(std::string_view field, std::string_view what);

  std::string text(const flatbuffers::String* from, std::string_view field);
  std::vector<std::string> texts(const Rows<fb::Text>* from, std::string_view field);
  std::string bytes(const flatbuffers::Vector<std::uint8_t>* from, std::string_view field);
  std::vector<TokenId> tokens(const flatbuffers::Vector<std::int32_t>* from, std::string_view field);

  /// How many of `from` there are to read; 0 after a fault.
  template <class T>
  flatbuffers::uoffset_t count(const flatbuffers::Vector<T>* from, std::size_t bytes_each, std::string_view field) {
    if (from == nullptr || !charge(std::size_t{from->size()} * bytes_each, field)) return 0;
    return from->size();
  }

  template <class E>
  E one_of(typename Twin<E>::type value, std::string_view field) {
    if (value > Twin<E>::type::MAX) fail(field, "is no value of its enum");
    return static_cast<E>(value);
  }

 private:
  bool charge(std::size_t bytes, std::string_view field);

  std::size_t budget_;
  std::optional<Error> fault_;
};

/// The body's bytes at an address that is a multiple of 8: copied if they lie elsewhere.
class Aligned {
 public:
  explicit Aligned(const Buffer& body);
  const std::uint8_t* data() const noexcept { return data_; }

 private:
  std::vector<std::uint64_t> copy_;
  const std::uint8_t* data_;
};

Status check_body_size(const Buffer& body, std::string_view name);

/// Verifies, then `read(root, reader)`. @returns its value, or the first fault.
template <class Root, class Read>
auto read_body(const Buffer& body, std::string_view name, Read read)
    -> Expected<decltype(read(std::declval<const Root&>(), std::declval<Reader&>()))> {
  if (auto size = check_body_size(body, name); !size) return tl::make_unexpected(size.error());
  const Aligned aligned{body};
  flatbuffers::Verifier::Options options;
  options.max_depth = kMaxValueDepth + 16;
  options.max_tables = kMaxTables;
  flatbuffers::Verifier verifier{aligned.data(), body.size(), options};
  if (!verifier.VerifyBuffer<Root>()) return bad_body(name, "the body is not a sound FlatBuffer of its schema");
  Reader reader{body.size()};
  auto value = read(*flatbuffers::GetRoot<Root>(aligned.data()), reader);
  if (!reader.ok()) return tl::make_unexpected(reader.fault());
  return value;
}

/// @returns bad_frame when the message is of another kind.
Status check_kind(const wire::Message& message, wire::Kind kind);

}  // namespace zenith::links
