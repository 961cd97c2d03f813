#include "zenith/core/log.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace zenith {
namespace {

class Log : public testing::Test {
 protected:
  void TearDown() override { set_log_level(LogLevel::info); }
};

TEST_F(Log, OneEventIsOneLineWhateverItsValuesHold) {
  testing::internal::CaptureStderr();
  log(LogLevel::warn, "gateway", "odd request",
      {{"path", "/a\nlevel=error \"x\""}, {"bytes", 12}, {"ms", 1.5}, {"empty", ""}});
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_NE(
      line.find(
          R"(level=warn component=gateway msg="odd request" path="/a\x0alevel=error \"x\"" bytes=12 ms=1.5 empty="")"),
      std::string::npos)
      << line;
}

TEST_F(Log, BelowTheLevelNothingIsWritten) {
  set_log_level(LogLevel::error);
  EXPECT_EQ(log_level(), LogLevel::error);
  testing::internal::CaptureStderr();
  log(LogLevel::warn, "gateway", "quiet");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace zenith
