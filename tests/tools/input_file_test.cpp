// What verbs read before they ask a model.
#include "input_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace zenith::tools {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class InputFile : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& bytes) {
    const fs::path path = fs::path{testing::TempDir()} / ("input_file_" + name);
    std::ofstream{path, std::ios::binary} << bytes;
    return path.string();
  }
  void expect_refused(const std::string& path, std::size_t most, Errc code, const char* says) {
    const auto bytes = read_input_file(path, most);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, code);
    EXPECT_EQ(bytes.error().param, "FILE");
    EXPECT_THAT(bytes.error().message, testing::AllOf(HasSubstr(path), HasSubstr(says)));
  }
};

TEST_F(InputFile, is_read_to_the_byte) {
  const std::string bytes{"\x89PNG\r\n\x1a\n\0\xff", 10};
  EXPECT_EQ(read_input_file(file("whole", bytes), 10), bytes);
}

TEST_F(InputFile, is_refused_with_its_path_and_the_reason) {
  expect_refused(file("large", "12345678901"), 10, Errc::payload_too_large, "11 bytes, at most 10");
  expect_refused(file("empty", ""), 10, Errc::invalid_argument, "is empty");
  expect_refused("/nowhere/at/all.png", 10, Errc::not_found, "no such file");
  expect_refused(testing::TempDir(), 10, Errc::invalid_argument, "is no file");
  expect_refused("/dev/zero", 10, Errc::invalid_argument, "is no file");
}

}  // namespace
}  // namespace zenith::tools
