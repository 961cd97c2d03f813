#include "zenith/tools/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "zenith/tools/progress.hpp"

namespace zenith::tools {
namespace {

TEST(Catalog, every_row_is_complete) {
  std::set<std::string_view> names;
  for (const auto& row : catalog()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second);
    EXPECT_TRUE(row.kind == "text" || row.kind == "embeddings" || row.kind == "speech" || row.kind == "transcription" ||
                row.kind == "voice activity" || row.kind == "vision");
    EXPECT_TRUE(row.needs.empty() || find_in_catalog(row.needs) != nullptr);
    EXPECT_FALSE(row.license.empty() || row.origin.empty() || row.loads.empty() || row.files.empty());
    for (const auto& file : row.files) {
      EXPECT_EQ(file.sha256.size(), 64u);
      EXPECT_EQ(file.sha256.find_first_not_of("0123456789abcdef"), std::string_view::npos);
      EXPECT_GT(file.bytes, 0u);
      EXPECT_EQ(file.name.find('/'), std::string_view::npos);
      EXPECT_FALSE(file.parts.empty());
    }
  }
}

TEST(Catalog, models_under_terms_are_never_a_default) {
  for (const auto& row : catalog()) EXPECT_FALSE(row.is_default && !row.terms.empty()) << row.name;
}

TEST(Progress, a_line_has_share_rate_and_time_left) {
  EXPECT_EQ(progress_line("m", 25'000'000, 100'000'000, std::chrono::seconds{5}),
            "m  25 %  25.0 MB / 100.0 MB  5.0 MB/s  15 s left");
  EXPECT_EQ(progress_line("m", 500, 0, std::chrono::milliseconds{1}), "m  500 B");
  EXPECT_EQ(progress_line("m", 120, 100, std::chrono::milliseconds{1}), "m  100 %  100 B / 100 B");
}

}  // namespace
}  // namespace zenith::tools
