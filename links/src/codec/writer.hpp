// Builds a body. Empty strings and vectors are left out; children come before their parent, in the order of the schema,
// so that equal messages have equal bytes.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "enums.hpp"
#include "zenith/core/sampling.hpp"
#include "zenith/core/tensor.hpp"

namespace zenith::links {

template <class T>
using At = flatbuffers::Offset<T>;

/// What becomes of text that is not UTF-8: a fault of the writer, or repaired.
enum class BadText : std::uint8_t { refuse, repair };

class Writer {
 public:
  explicit Writer(BadText policy) : policy_(policy) {}

  flatbuffers::FlatBufferBuilder& fbb() noexcept { return fbb_; }
  const std::optional<Error>& fault() const noexcept { return fault_; }
  void fail(std::string_view field, std::string_view what);  ///< invalid_argument; the first is kept

  At<flatbuffers::String> text(std::string_view value, std::string_view field);
  At<flatbuffers::Vector<At<fb::Text>>> texts(const std::vector<std::string>& values, std::string_view field);
  At<flatbuffers::Vector<std::uint8_t>> bytes(std::string_view value);
  At<flatbuffers::Vector<std::int32_t>> tokens(const std::vector<TokenId>& values);

  /// One table for each value, in order. `write(value)` gives its offset.
  template <class T, class Values, class Write>
  At<flatbuffers::Vector<At<T>>> rows(const Values& values, Write write) {
    if (values.empty()) return {};
    std::vector<At<T>> offsets;
    offsets.reserve(values.size());
    for (const auto& value : values) offsets.push_back(write(value));
    tables_ += offsets.size();
    return fbb_.CreateVector(offsets);
  }

  /// The finished body, uncopied.
  template <class Root>
  Buffer finish(At<Root> root) {
    fbb_.Finish(root);
    return detach();
  }
  /// As `finish`, unless there was a fault or the body is more than a reader takes.
  template <class Root>
  Expected<Buffer> finish_checked(At<Root> root) {
    if (auto status = check(); !status) return tl::make_unexpected(status.error());
    return finish(root);
  }

 private:
  Status check() const;
  Buffer detach();

  flatbuffers::FlatBufferBuilder fbb_;
  BadText policy_;
  std::size_t tables_ = 0;
  std::optional<Error> fault_;
};

}  // namespace zenith::links
