// What lies beside Kokoro's graph, good and bad.
#include "kokoro_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace zenith::media {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(kokoro_tokens, are_misakis_symbols) {
  const auto vocabulary = read_kokoro_vocabulary(
      R"({"vocab":{"A":24,"O":31,"ʧ":133,"ʤ":82,"ɜ":87,"ɹ":123,"ˈ":156,"b":44,"ə":83,"ᵊ":42,"l":54}})");
  ASSERT_TRUE(vocabulary) << vocabulary.error().message;
  EXPECT_THAT(kokoro_tokens(*vocabulary, "ˈeɪ"), ElementsAre(156, 24));
  EXPECT_THAT(kokoro_tokens(*vocabulary, "oʊtʃdʒ"), ElementsAre(31, 133, 82));
  EXPECT_THAT(kokoro_tokens(*vocabulary, "bɜː"), ElementsAre(44, 87, 123)) << "no length, an r in its place";
  EXPECT_THAT(kokoro_tokens(*vocabulary, "bəl"), ElementsAre(44, 42, 54));
  EXPECT_THAT(kokoro_tokens(*vocabulary, "ζ"), IsEmpty());
}

struct BadKokoroVocabulary {
  const char *name, *json, *says;
};
class BadKokoroVocabularies : public testing::TestWithParam<BadKokoroVocabulary> {};
TEST_P(BadKokoroVocabularies, are_refused) {
  const auto read = read_kokoro_vocabulary(GetParam().json);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::bad_file);
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(media, BadKokoroVocabularies,
                         testing::Values(BadKokoroVocabulary{"no_json", "{", "no object"},
                                         BadKokoroVocabulary{"no_vocab", "{}", "no object"},
                                         BadKokoroVocabulary{"empty", R"({"vocab":{}})", "is empty"},
                                         BadKokoroVocabulary{"two_characters", R"({"vocab":{"ab":1}})",
                                                             "one character"},
                                         BadKokoroVocabulary{"text", R"({"vocab":{"a":"1"}})", "out of range"},
                                         BadKokoroVocabulary{"zero", R"({"vocab":{"a":0}})", "out of range"}),
                         [](const auto& i) { return std::string{i.param.name}; });

std::string npy(std::size_t rows, const std::string& descr = "'<f4'", float value = 0.5F) {
  std::string head =
      "{'descr': " + descr + ", 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", 1, 256), }\n";
  std::string out{"\x93NUMPY\x01\x00", 8};
  out += static_cast<char>(head.size() & 0xff);
  out += static_cast<char>(head.size() >> 8);
  out += head;
  const auto bits = std::bit_cast<std::array<char, 4>>(value);
  for (std::size_t i = 0; i < rows * 256; ++i) out.append(bits.data(), 4);
  return out;
}

std::string zipped(const std::vector<std::pair<std::string, std::string>>& members) {
  const auto path = std::filesystem::path{testing::TempDir()} / "kokoro.npz";
  std::filesystem::remove(path);
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  for (const auto& [name, bytes] : members) {
    zip_file_add(zip, name.c_str(), zip_source_buffer(zip, bytes.data(), bytes.size(), 0), ZIP_FL_ENC_UTF_8);
  }
  zip_close(zip);
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(kokoro_styles, are_rows_of_256) {
  const auto styles = read_kokoro_styles(zipped({{"b.npy", npy(3)}, {"a.npy", npy(2, "'<f4'", -1)}}));
  ASSERT_TRUE(styles) << styles.error().message;
  ASSERT_EQ(styles->size(), 2U);
  EXPECT_EQ(styles->at("a").size(), 2U);
  EXPECT_EQ(styles->at("a")[1][255], -1.0F);
  EXPECT_EQ(styles->at("b")[2][0], 0.5F);
}

TEST(kokoro_styles, of_bad_files_are_refused) {
  const auto says = [](const std::string& npz) {
    const auto styles = read_kokoro_styles(npz);
    return styles ? std::string{"was read"} : styles.error().message;
  };
  EXPECT_THAT(says("no zip at all"), HasSubstr("no zip"));
  EXPECT_THAT(says(zipped({{"a.txt", "x"}})), HasSubstr("no .npy"));
  EXPECT_THAT(says(zipped({{"a.npy", "x"}})), HasSubstr("a.npy: is no .npy"));
  EXPECT_THAT(says(zipped({{"a.npy", npy(2, "'<f8'")}})), HasSubstr("not of f32"));
  EXPECT_THAT(says(zipped({{"a.npy", npy(2).substr(0, 1000)}})), HasSubstr("rows of 256"));
  EXPECT_THAT(says(zipped({{"a.npy", npy(2) + npy(1).substr(npy(1).size() - 1024)}})), HasSubstr("another shape"));
  EXPECT_THAT(says(zipped({{"a.npy", npy(1, "'<f4'", std::numeric_limits<float>::quiet_NaN())}})),
              HasSubstr("no number"));
  EXPECT_THAT(says(zipped({{"a.npy", npy(2000)}})), HasSubstr("too large"));
  EXPECT_THAT(says(zipped({})), Not(HasSubstr("was read")));
  const std::string good = zipped({{"a.npy", npy(2)}});
  for (std::size_t cut = 0; cut < good.size(); cut += 97) EXPECT_NE(says(good.substr(0, cut)), "was read") << cut;
}

}  // namespace
}  // namespace zenith::media
