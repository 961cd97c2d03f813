// Forms with files: what is read, and that nothing malformed passes.
#include "http/multipart.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zenith::gateway {
namespace {

using testing::HasSubstr;

constexpr std::string_view kType = "multipart/form-data; boundary=XX";

std::string part(const std::string& headers, const std::string& content) {
  return "--XX\r\n" + headers + "\r\n\r\n" + content + "\r\n";
}
std::string field(const std::string& name, const std::string& content) {
  return part("Content-Disposition: form-data; name=\"" + name + "\"", content);
}

TEST(multipart, fields_and_files_come_in_order_with_their_bytes) {
  const std::string sound{"RI\0FF\r\n--X\r\n--XY", 16};
  const std::string body =
      field("model", "whisper-1") + field("empty", "") +
      part("content-disposition: form-data; name=file; filename=\"a \\\"b\\\".wav\"\r\nContent-Type: audio/wav",
           sound) +
      "--XX--\r\n";
  const auto parts = parse_multipart(kType, body);
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 3U);
  const auto content = [&](std::size_t i) { return body.substr((*parts)[i].offset, (*parts)[i].size); };
  EXPECT_EQ((*parts)[0].name, "model");
  EXPECT_FALSE((*parts)[0].filename);
  EXPECT_EQ(content(0), "whisper-1");
  EXPECT_EQ(content(1), "");
  EXPECT_EQ((*parts)[2].filename, "a \"b\".wav");
  EXPECT_EQ(content(2), sound);
}

TEST(multipart, boundaries_may_be_quoted_and_the_last_line_end_left_out) {
  const std::string body = "--a b?\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--a b?--";
  EXPECT_TRUE(parse_multipart("Multipart/Form-Data; charset=utf-8; Boundary=\"a b?\"", body));
  EXPECT_TRUE(is_multipart("Multipart/Form-Data; boundary=x"));
  EXPECT_FALSE(is_multipart("application/json"));
  EXPECT_FALSE(is_multipart("multipart/form-datax; boundary=x"));
}

struct BadForm {
  const char* name;
  std::string type, body, says;
};
class BadForms : public testing::TestWithParam<BadForm> {};
TEST_P(BadForms, are_refused) {
  const auto parts = parse_multipart(GetParam().type, GetParam().body);
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().code, Errc::invalid_argument);
  EXPECT_THAT(parts.error().message, HasSubstr(GetParam().says));
}
const std::string kEnd = "--XX--\r\n";
INSTANTIATE_TEST_SUITE_P(
    gateway, BadForms,
    testing::Values(
        BadForm{"no_boundary", "multipart/form-data", kEnd, "boundary"},
        BadForm{"empty_boundary", "multipart/form-data; boundary=", kEnd, "boundary"},
        BadForm{"two_boundaries", "multipart/form-data; boundary=XX; boundary=YY", kEnd, "boundary"},
        BadForm{"open_quote", "multipart/form-data; boundary=\"XX", kEnd, "boundary"},
        BadForm{"long_boundary", "multipart/form-data; boundary=" + std::string(71, 'X'), kEnd, "boundary"},
        BadForm{"line_end_in_boundary", "multipart/form-data; boundary=\"X\r\nX\"", kEnd, "boundary"},
        BadForm{"empty_body", std::string{kType}, "", "does not begin"},
        BadForm{"preamble", std::string{kType}, "hello\r\n" + field("a", "1") + kEnd, "does not begin"},
        BadForm{"longer_boundary", std::string{kType}, "--XXY\r\n", "other text"},
        BadForm{"only_a_boundary", std::string{kType}, "--XX", "cut off"},
        BadForm{"headers_cut_off", std::string{kType}, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n",
                "cut off"},
        BadForm{"content_cut_off", std::string{kType}, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhel",
                "cut off"},
        BadForm{"no_last_boundary", std::string{kType}, field("a", "1"), "cut off"},
        BadForm{"epilogue", std::string{kType}, field("a", "1") + kEnd + "more", "follows"},
        BadForm{"no_disposition", std::string{kType}, part("Content-Type: text/plain", "1") + kEnd, "no name"},
        BadForm{"no_headers", std::string{kType}, "--XX\r\n\r\n1\r\n" + kEnd, "no name"},
        BadForm{"no_name", std::string{kType}, part("Content-Disposition: form-data", "1") + kEnd, "no name"},
        BadForm{"empty_name", std::string{kType}, field("", "1") + kEnd, "malformed"},
        BadForm{"two_names", std::string{kType}, part("Content-Disposition: form-data; name=a; name=b", "1") + kEnd,
                "malformed"},
        BadForm{"long_name", std::string{kType}, field(std::string(300, 'n'), "1") + kEnd, "malformed"},
        BadForm{"attachment", std::string{kType}, part("Content-Disposition: attachment; name=a", "1") + kEnd,
                "form-data"},
        BadForm{"no_colon", std::string{kType}, part("Content-Disposition form-data; name=a", "1") + kEnd, "malformed"},
        BadForm{"control_character", std::string{kType},
                part(std::string{"Content-Disposition: form-data; name=\"a\0\"", 42}, "1") + kEnd, "malformed"},
        BadForm{"base64", std::string{kType},
                part("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64", "1") + kEnd,
                "base64"},
        BadForm{"huge_headers", std::string{kType}, part("X: " + std::string(5000, 'x'), "1") + kEnd, "longer than"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(multipart, parts_are_counted) {
  std::string body;
  for (int i = 0; i < 40; ++i) body += field("a" + std::to_string(i), "1");
  const auto parts = parse_multipart(kType, body + kEnd);
  ASSERT_FALSE(parts);
  EXPECT_THAT(parts.error().message, HasSubstr("more than 32"));
}

TEST(multipart, every_cut_of_a_whole_form_is_refused) {
  const std::string body =
      field("model", "m") + part("Content-Disposition: form-data; name=file; filename=f", "abc") + "--XX--";
  ASSERT_TRUE(parse_multipart(kType, body));
  for (std::size_t n = 0; n < body.size(); ++n) EXPECT_FALSE(parse_multipart(kType, body.substr(0, n))) << n;
}

}  // namespace
}  // namespace zenith::gateway
