#include "zenith/core/utf8.hpp"

#include <gtest/gtest.h>

namespace zenith {
namespace {

struct Case {
  std::string name, bytes;
  bool valid;
  std::string lossy;
  std::size_t complete;  // length of the prefix that does not end inside a character
};

class Utf8 : public testing::TestWithParam<Case> {};

TEST_P(Utf8, IsJudgedAsRfc3629Says) {
  EXPECT_EQ(utf8_valid(GetParam().bytes), GetParam().valid);
  EXPECT_EQ(utf8_lossy(GetParam().bytes), GetParam().lossy);
  EXPECT_EQ(utf8_complete_prefix(GetParam().bytes), GetParam().complete);
}

#define R "\xEF\xBF\xBD"  // U+FFFD; the counts are those of Python's bytes.decode("utf-8", "replace")
INSTANTIATE_TEST_SUITE_P(core, Utf8,
                         testing::Values(Case{"empty", "", true, "", 0}, Case{"ascii", "abc", true, "abc", 3},
                                         Case{"two_three_four_bytes", "é€😀", true, "é€😀", 9},
                                         Case{"highest", "\xF4\x8F\xBF\xBF", true, "\xF4\x8F\xBF\xBF", 4},
                                         Case{"above_highest", "\xF4\x90\x80\x80", false, R R R R, 4},
                                         Case{"surrogate", "\xED\xA0\x80", false, R R R, 3},
                                         Case{"overlong_two", "\xC0\xAF", false, R R, 2},
                                         Case{"overlong_three", "\xE0\x80\xAF", false, R R R, 3},
                                         Case{"lone_continuation", "a\x80z", false, "a" R "z", 3},
                                         Case{"open_after_one_of_two", "a\xC3", false, "a" R, 1},
                                         Case{"open_after_two_of_three", "a\xE2\x82", false, "a" R, 1},
                                         Case{"open_after_three_of_four", "a\xF0\x9F\x98", false, "a" R, 1},
                                         Case{"broken_then_letter", "\xE2\x82x", false, R "x", 3},
                                         Case{"never_a_lead", "\xFF\xFE", false, R R, 2}),
                         [](const auto& tested) { return tested.param.name; });
#undef R

TEST(Utf8Scalars, EveryScalarValueSurvivesARoundTrip) {
  for (char32_t cp = 0; cp <= 0x10FFFF; ++cp) {
    if (cp == 0xD800) cp = 0xE000;
    std::string text;
    utf8_append(text, cp);
    std::size_t pos = 0;
    ASSERT_EQ(utf8_next(text, pos), cp);
    ASSERT_EQ(pos, text.size());
  }
}

}  // namespace
}  // namespace zenith
