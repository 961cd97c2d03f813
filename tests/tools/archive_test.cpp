#include "pull/archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zip.h>

#include <fstream>

namespace zenith::tools {
namespace {
namespace fs = std::filesystem;

using testing::HasSubstr;

struct Entry {
  std::string name, content;
  bool link = false;
};

class Archive : public testing::Test {
 protected:
  Archive() { fs::create_directories(root_ / "into"); }
  ~Archive() override { fs::remove_all(root_); }

  fs::path zip(const std::vector<Entry>& entries) {
    const auto path = root_ / "a.zip";
    fs::remove(path);
    zip_t* out = zip_open(path.c_str(), ZIP_CREATE, nullptr);
    for (const auto& entry : entries) {
      auto* source = zip_source_buffer(out, entry.content.data(), entry.content.size(), 0);
      const auto index = zip_file_add(out, entry.name.c_str(), source, ZIP_FL_ENC_UTF_8);
      if (entry.link)
        zip_file_set_external_attributes(out, static_cast<zip_uint64_t>(index), 0, ZIP_OPSYS_UNIX, 0120777u << 16);
    }
    zip_close(out);
    return path;
  }

  std::string read(const fs::path& path) {
    std::ifstream stream{path};
    return {std::istreambuf_iterator<char>{stream}, {}};
  }

  std::size_t files_below(const fs::path& folder) {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator{folder}) count += entry.is_regular_file() ? 1 : 0;
    return count;
  }

  const fs::path root_ = fs::temp_directory_path() / ("zenith-archive-test-" + std::to_string(getpid()));
};

TEST_F(Archive, unpacks_below_the_folder_and_hashes) {
  const auto done = extract_all(zip({{"a.txt", "abc"}, {"sub/b.txt", ""}}), root_ / "into", 1000);
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(done->size(), 2u);
  EXPECT_EQ(done->at(0).sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(read(root_ / "into" / "a.txt"), "abc");
  EXPECT_TRUE(fs::exists(root_ / "into" / "sub" / "b.txt"));
}

struct Refused {
  const char* name;
  std::vector<Entry> entries;
  const char* says;
};

class RefusedArchive : public Archive, public testing::WithParamInterface<Refused> {};

TEST_P(RefusedArchive, nothing_is_written) {
  const auto done = extract_all(zip(GetParam().entries), root_ / "into", 100);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::bad_file);
  EXPECT_THAT(done.error().message, HasSubstr(GetParam().says));
  EXPECT_EQ(files_below(root_), 1u) << "only the zip itself";
}

INSTANTIATE_TEST_SUITE_P(tools, RefusedArchive,
                         testing::Values(Refused{"parent", {{"ok", "1"}, {"../evil", "x"}}, "leaves the folder"},
                                         Refused{"parent_inside", {{"a/../../evil", "x"}}, "leaves the folder"},
                                         Refused{"absolute", {{"/evil", "x"}}, "is absolute"},
                                         Refused{"backslash", {{"..\\evil", "x"}}, "backslash"},
                                         Refused{"link", {{"link", "/etc/passwd", true}}, "symbolic link"},
                                         Refused{"same_file_twice", {{"a/b", "x"}, {"a/./b", "y"}}, "twice"},
                                         Refused{"too_much", {{"big", std::string(101, 'x')}}, "more than 100 bytes"}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST_F(Archive, a_flipped_bit_is_found) {
  const auto path = zip({{"a.txt", std::string(5000, 'q')}});
  std::string bytes = read(path);
  bytes[40] = static_cast<char>(bytes[40] ^ 1);
  std::ofstream{path, std::ios::binary} << bytes;
  EXPECT_FALSE(extract_all(path, root_ / "into", 10000));
}

TEST_F(Archive, a_cut_zip_is_refused) {
  const auto path = zip({{"a.txt", "abc"}});
  fs::resize_file(path, fs::file_size(path) - 5);
  const auto done = extract_all(path, root_ / "into", 1000);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("no sound zip file"));
}

}  // namespace
}  // namespace zenith::tools
