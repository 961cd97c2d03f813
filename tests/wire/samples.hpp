// Headers, tensors and bytes for the tests of the format.
#pragma once

#include <xxhash.h>

#include <array>
#include <cstring>
#include <numeric>
#include <vector>

#include "zenith/wire/message.hpp"

namespace zenith::wire {

using HeaderBytes = std::array<std::byte, kHeaderBytes>;

/// Every field has a value of its own.
inline Header full_header() {
  Header h;
  h.kind = Kind::event;
  h.flags = kLast | kHedge;
  h.attempt = 0x0102;
  h.request_id = 0x1112131415161718;
  h.epoch = 0x2122232425262728;
  h.sequence = 0x31323334;
  h.session = 0x41424344;
  h.budget_us = 0x51525354;
  h.tenant = 0x61626364;
  std::iota(h.trace_id.begin(), h.trace_id.end(), std::uint8_t{0x70});
  std::iota(h.span_id.begin(), h.span_id.end(), std::uint8_t{0x80});
  h.generation = 0x9192939495969798;
  h.layer = 0xa1a2;
  h.experts = 0xb1b2;
  h.priority = 2;
  h.trace_flags = 1;
  h.status = 9;
  h.credit_kib = 0xc1c2c3c4;
  h.credit_requests = 0xd1d2d3d4;
  h.queue_us = 0xe1e2e3e4;
  h.service_us = 0xf1f2f3f4;
  return h;
}

inline HeaderBytes encoded(const Header& header) {
  HeaderBytes bytes;
  encode(header, bytes);
  return bytes;
}

/// Makes bytes that were changed on purpose pass the hash of the header.
inline void rehash(std::byte* header) {
  const std::uint64_t hash = XXH3_64bits(header, 120);
  std::memcpy(header + 120, &hash, sizeof hash);
}

inline Buffer filled(std::size_t count, std::uint8_t seed = 1) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(seed + i * 7);
  return Buffer::of(std::move(bytes));
}

inline Tensor tensor_of(DType type, std::vector<std::uint32_t> dims, std::uint8_t seed = 1) {
  Tensor tensor{type, static_cast<std::uint8_t>(dims.size()), {}, {}};
  std::size_t count = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    tensor.dims[i] = dims[i];
    count *= dims[i];
  }
  tensor.data = filled(row_bytes(type, count), seed);
  return tensor;
}

inline std::vector<std::byte> bytes_of(const Buffer& buffer) { return {buffer.bytes().begin(), buffer.bytes().end()}; }

inline bool same(const Tensor& a, const Tensor& b) {
  return a.dtype == b.dtype && a.rank == b.rank && a.dims == b.dims && bytes_of(a.data) == bytes_of(b.data);
}

}  // namespace zenith::wire
