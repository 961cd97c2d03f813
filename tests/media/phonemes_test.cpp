// Text to phonemes: the table, what joins words to a sentence, and flite's reading of numbers.
#include "zenith/media/phonemes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ipa.hpp"
#include "spoken_text.hpp"

namespace zenith::media {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct PhoneCase {
  const char* phone;
  bool stressed;
  const char* ipa;
};
class Table : public testing::TestWithParam<PhoneCase> {};
TEST_P(Table, is_espeaks) { EXPECT_EQ(ipa_of(GetParam().phone, GetParam().stressed), GetParam().ipa); }
INSTANTIATE_TEST_SUITE_P(media, Table,
                         testing::Values(PhoneCase{"ax", false, "ə"}, PhoneCase{"er", true, "ɜː"},
                                         PhoneCase{"er", false, "ɚ"}, PhoneCase{"iy", true, "iː"},
                                         PhoneCase{"iy", false, "i"}, PhoneCase{"g", false, "ɡ"},
                                         PhoneCase{"jh", false, "dʒ"}, PhoneCase{"r", false, "ɹ"},
                                         PhoneCase{"pau", false, ""}));

Word word(std::string text, std::vector<Syllable> syllables, std::string mark = {}) {
  return {std::move(text), std::move(syllables), std::move(mark)};
}

TEST(ipa, stress_marks_stand_before_vowels_and_function_words_have_none) {
  const Word hello = word("hello", {{false, {"hh", "ax", "l"}}, {true, {"ow"}}}, ",");
  const Word is = word("is", {{true, {"ih", "z"}}});
  EXPECT_EQ(to_ipa({hello, is}), "həlˈoʊ, ɪz");
}

TEST(ipa, the_depends_on_what_follows) {
  const Word the = word("the", {{false, {"dh", "ax"}}});
  const Word apple = word("apple", {{true, {"ae"}}, {false, {"p", "ax", "l"}}});
  const Word dog = word("dog", {{true, {"d", "ao", "g"}}}, ".");
  EXPECT_EQ(to_ipa({the, apple}), "ðɪ ˈæpəl");
  EXPECT_EQ(to_ipa({the, dog}), "ðə dˈɑːɡ.");
}

TEST(ipa, a_t_between_vowels_is_tapped) {
  EXPECT_EQ(to_ipa({word("water", {{true, {"w", "ao"}}, {false, {"t", "er"}}})}), "wˈɔːɾɚ");
  EXPECT_EQ(to_ipa({word("attack", {{false, {"ax"}}, {true, {"t", "ae", "k"}}})}), "ətˈæk") << "not before stress";
}

TEST(spoken_text, is_ascii_without_long_words) {
  EXPECT_EQ(*spoken_ascii("naïve – “café”…"), "naive ,  \"cafe\".");
  EXPECT_EQ(spoken_ascii("a\xff").error().code, Errc::invalid_argument);
  const std::string cut = *spoken_ascii(std::string(500, '9'));
  std::size_t longest = 0;
  for (std::size_t at = 0; at < cut.size();) {
    const std::size_t space = std::min(cut.find(' ', at), cut.size());
    longest = std::max(longest, space - at);
    at = space + 1;
  }
  EXPECT_EQ(longest, 64U);
}

class Flite : public testing::Test {
 protected:
  std::string ipa(const std::string& text) { return phonemizer->ipa(text).value_or("an error"); }
  std::unique_ptr<Phonemizer> phonemizer = *make_phonemizer();
};

TEST_F(Flite, reads_sentences_as_espeak_writes_them) {
  EXPECT_EQ(ipa("Hello world, this is a test."), "həlˈoʊ wˈɜːld, ðɪs ɪz ɐ tˈɛst.");
  EXPECT_THAT(ipa("The apple cost $1,250.75."), StartsWith("ðɪ ˈæpəl kˈɑːst wˈʌn θˈaʊzənd"));
  EXPECT_THAT(ipa("Is it 10:30?"), HasSubstr("tˈɛn θˈɜːdi"));
  EXPECT_EQ(ipa("Is it 10:30?").back(), '?');
}

TEST_F(Flite, leaves_out_what_has_no_sound) {
  EXPECT_EQ(ipa("😀 ... 漢字"), "");
  EXPECT_EQ(ipa(""), "");
  EXPECT_FALSE(phonemizer->ipa("\xc3"));
}

TEST_F(Flite, survives_whatever_is_typed) {
  for (const auto& text :
       {std::string(5000, 'x'), std::string(3000, '1'), std::string("$$$ 1/0 %d %s #!~`^&*(){}[]|\\<>"),
        std::string("1.2.3.4.5 -1e999 0x7f 1,2,3,4 MMXXVI i.i.i. a/b/c 99:99:99 1st 2nd 111th")}) {
    EXPECT_TRUE(phonemizer->ipa(text)) << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace zenith::media
