// A file of packed weights is hostile input: every lie of its header and table is refused, and nothing is read outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "weights/packed_format.hpp"

namespace zenith::models {
namespace {

using testing::HasSubstr;

// Where the header's fields lie.
enum : std::size_t {
  kVersion = 8,
  kEntries = 12,
  kFileBytes = 56,
  kTableBytes = 64,
  kTableHash = 72,
  kPayload = 80,
  kHash = 120
};
// And those of the first entry, in the file.
enum : std::size_t {
  kOffset = kPackedHeaderBytes + 24,
  kBytes = kOffset + 8,
  kNameBytes = kBytes + 16,
  kType = kNameBytes + 2,
  kName = kNameBytes + 8
};

const PackedKey kKey{77, "v1-8"};

std::vector<PackedEntry> two_entries() {
  return {{{"blk.0.attn_q.weight", DType::q4_1, 0, 8, 32}, 0, 100, 1},
          {{"output.weight", DType::q8_0, 0, 8, 32}, 0, 28, 2}};
}

struct File {
  std::vector<std::byte> bytes;
  std::uint64_t table_bytes = 0;

  File() {
    auto entries = two_entries();
    bytes = write_packed_start(entries, kKey);
    bytes.resize(bytes.size() + entries.back().offset + entries.back().bytes);
    table_bytes = get(kTableBytes);
  }
  std::uint64_t get(std::size_t at) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
  /// A liar's file is whole: only its content is wrong.
  void seal() {
    put(kTableHash, packed_hash(std::span{bytes}.subspan(kPackedHeaderBytes, table_bytes)));
    put(kHash, packed_hash(std::span{bytes}.first(kHash)));
  }
  Expected<std::vector<PackedEntry>> parse() const {
    return parse_packed_header(bytes, bytes.size(), kKey)
        .and_then([&](const PackedHeader& header) -> Expected<std::vector<PackedEntry>> {
          if (header.payload_offset + header.payload_bytes != bytes.size()) return fail(Errc::internal, "sizes");
          return parse_packed_table(std::span{bytes}.subspan(kPackedHeaderBytes, header.table_bytes), header);
        });
  }
};

TEST(PackedFormat, what_is_written_is_read) {
  const File file;
  const auto entries = file.parse();
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*entries)[i].part, two_entries()[i].part);
    EXPECT_EQ((*entries)[i].bytes, two_entries()[i].bytes);
    EXPECT_EQ((*entries)[i].hash, two_entries()[i].hash);
  }
  EXPECT_EQ((*entries)[0].offset, 0u);
  EXPECT_EQ((*entries)[1].offset, 128u);
}

TEST(PackedFormat, no_byte_of_header_or_table_can_change_and_no_end_be_missing) {
  const File file;
  for (std::size_t at = 0; at < kPackedHeaderBytes + file.table_bytes; ++at) {
    File changed = file;
    changed.bytes[at] ^= std::byte{1};
    EXPECT_FALSE(changed.parse()) << at;
  }
  for (std::size_t size = 0; size < file.bytes.size(); ++size) {
    File cut = file;
    cut.bytes.resize(size);
    EXPECT_FALSE(parse_packed_header(cut.bytes, cut.bytes.size(), kKey)) << size;
  }
}

struct Lie {
  const char* name;
  std::function<void(File&)> tell;
  Errc code;
  const char* says;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }
class PackedLies : public testing::TestWithParam<Lie> {};

TEST_P(PackedLies, are_refused_by_name) {
  File file;
  GetParam().tell(file);
  file.seal();
  const auto entries = file.parse();
  ASSERT_FALSE(entries);
  EXPECT_EQ(entries.error().code, GetParam().code) << entries.error().message;
  EXPECT_THAT(entries.error().message, HasSubstr(GetParam().says));
}

constexpr std::uint64_t kHuge = ~std::uint64_t{0};

INSTANTIATE_TEST_SUITE_P(
    weights, PackedLies,
    testing::Values(
        Lie{"version", [](File& f) { f.put<std::uint32_t>(kVersion, 2); }, Errc::unsupported, "it has version 2"},
        Lie{"model", [](File& f) { f.put<std::uint64_t>(16, 78); }, Errc::not_found, "another model"},
        Lie{"layout", [](File& f) { f.put<char>(27, '9'); }, Errc::not_found, "other kernels"},
        Lie{"longer_than_it_says", [](File& f) { f.bytes.resize(f.bytes.size() + 1); }, Errc::bad_file,
            "its header says"},
        Lie{"table_past_the_file", [](File& f) { f.put(kTableBytes, f.bytes.size()); }, Errc::bad_file, "disagree"},
        Lie{"table_huge", [](File& f) { f.put(kTableBytes, kHuge); }, Errc::bad_file, "disagree"},
        Lie{"payload_elsewhere", [](File& f) { f.put<std::uint64_t>(kPayload, 8192); }, Errc::bad_file, "disagree"},
        Lie{"more_entries_than_fit", [](File& f) { f.put<std::uint32_t>(kEntries, 1u << 30); }, Errc::bad_file,
            "disagree"},
        Lie{"an_entry_too_many", [](File& f) { f.put<std::uint32_t>(kEntries, 3); }, Errc::bad_file, "disagree"},
        Lie{"an_entry_too_few", [](File& f) { f.put<std::uint32_t>(kEntries, 1); }, Errc::bad_file, "after the last"},
        Lie{"name_past_the_table", [](File& f) { f.put<std::uint16_t>(kNameBytes, 65535); }, Errc::bad_file, "is cut"},
        Lie{"no_name", [](File& f) { f.put<std::uint16_t>(kNameBytes, 0); }, Errc::bad_file, "no name"},
        Lie{"unknown_type", [](File& f) { f.put<std::uint8_t>(kType, 200); }, Errc::bad_file, "unknown type 200"},
        Lie{"unaligned", [](File& f) { f.put<std::uint64_t>(kOffset, 1); }, Errc::bad_file, "attn_q"},
        Lie{"offset_past_the_end", [](File& f) { f.put<std::uint64_t>(kOffset, kHuge - 63); }, Errc::bad_file,
            "attn_q"},
        Lie{"bytes_past_the_end", [](File& f) { f.put<std::uint64_t>(kBytes, kHuge); }, Errc::bad_file, "attn_q"},
        Lie{"overlap", [](File& f) { f.put<std::uint64_t>(kBytes, 129); }, Errc::bad_file, "output"},
        Lie{"twice",
            [](File& f) {
              auto entries = two_entries();
              entries[1].part = entries[0].part;
              f.bytes = write_packed_start(entries, kKey);
              f.table_bytes = f.get(kTableBytes);
              f.bytes.resize(f.get(kFileBytes));
            },
            Errc::bad_file, "occurs twice"}),
    [](const auto& row) { return std::string{row.param.name}; });

}  // namespace
}  // namespace zenith::models
