// Where pictures come from: data: and https: URLs, base64, addresses, and the parts of a chat.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "api/base64.hpp"
#include "api/chat_request.hpp"
#include "api/image_source.hpp"
#include "api/members.hpp"
#include "api/receipt.hpp"
#include "api/render.hpp"
#include "json/parse.hpp"
#include "net/public_address.hpp"

namespace zenith::gateway::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string text_of(const Buffer& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

TEST(base64, comes_back_as_it_went) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64(base64(bytes)), bytes);
    std::string unpadded = base64(bytes);
    while (unpadded.ends_with('=')) unpadded.pop_back();
    EXPECT_EQ(from_base64(unpadded), bytes);
    bytes += static_cast<char>(i * 7);
  }
  EXPECT_EQ(from_base64("-_-_"), from_base64("+/+/"));
}

TEST(base64, anything_else_is_none) {
  for (const char* text : {"A", "AAAAA", "AA=A", "AAA=AAAA", "AA==A", "A A=", "AAA\n", "=", "====", "AB==\n"}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(image_source, data_are_bytes_at_once) {
  const auto source = read_image_source("DATA:image/PNG;charset=x;BASE64,aGVsbG8=", "image");
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(text_of(source->bytes), "hello");
  EXPECT_EQ(source->https, "");
  EXPECT_EQ(source->field, "image");
}

TEST(image_source, an_address_is_kept_for_later) {
  const auto source = read_image_source("https://example.org/a.png?b=c#d", "image");
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_TRUE(source->bytes.empty());
  EXPECT_EQ(source->https, "https://example.org/a.png?b=c#d");
}

struct BadUrl {
  const char* name;
  std::string url, says;
};
class BadUrls : public testing::TestWithParam<BadUrl> {};
TEST_P(BadUrls, are_refused_by_their_field) {
  const auto source = read_image_source(GetParam().url, "a.b");
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, Errc::invalid_argument);
  EXPECT_EQ(source.error().param, "a.b");
  EXPECT_THAT(source.error().message, HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(gateway, BadUrls,
                         testing::Values(BadUrl{"empty", "", "must be a data:"},
                                         BadUrl{"plain_http", "http://example.org/", "must be a data:"},
                                         BadUrl{"file", "file:///etc/passwd", "must be a data:"},
                                         BadUrl{"no_slashes", "https:example.org", "must be a data:"},
                                         BadUrl{"no_host", "https:///path", "names no host"},
                                         BadUrl{"password", "https://a:b@example.org/", "name or password"},
                                         BadUrl{"line_end", "https://example.org/\r\nHost: x", "characters"},
                                         BadUrl{"backslash", "https://example.org\\@inside/", "characters"},
                                         BadUrl{"long_url", "https://example.org/" + std::string(5000, 'a'),
                                                "longer than"},
                                         BadUrl{"no_comma", "data:image/png;base64", "without data"},
                                         BadUrl{"no_data", "data:image/png;base64,", "without data"},
                                         BadUrl{"not_base64", "data:image/png,abc", "not in base64"},
                                         BadUrl{"bad_base64", "data:image/png;base64,a*b=", "no base64"},
                                         BadUrl{"text", "data:text/plain;base64,AAAA", "not of a picture"},
                                         BadUrl{"svg", "data:image/svg+xml;base64,AAAA", "SVG"}),
                         [](const auto& i) { return std::string{i.param.name}; });

bool is_public(const std::string& text) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1)
    return is_public_address(reinterpret_cast<sockaddr&>(six));
  sockaddr_in four{};
  four.sin_family = AF_INET;
  EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &four.sin_addr), 1) << text;
  return is_public_address(reinterpret_cast<sockaddr&>(four));
}

TEST(public_address, of_everyone) {
  for (const char* address : {"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
                              "172.15.255.255", "172.32.0.0", "192.167.1.1", "223.255.255.255", "2606:4700::1111",
                              "2a00:1450::1", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"}) {
    EXPECT_TRUE(is_public(address)) << address;
  }
}

TEST(public_address, and_of_nobody_else) {
  for (const char* address :
       {"0.0.0.0",        "10.1.2.3",        "100.64.0.1",  "127.0.0.1",   "127.255.255.255",  "169.254.169.254",
        "172.16.0.1",     "172.31.255.255",  "192.168.0.1", "192.0.2.1",   "198.18.0.1",       "203.0.113.9",
        "224.0.0.1",      "255.255.255.255", "::",          "::1",         "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:7f00:1::1",  "2001:db8::1", "2001::1",     "fc00::1",          "fd12::1",
        "fe80::1",        "fec0::1",         "ff02::1",     "::127.0.0.1", "100::1",           "3fff::1"}) {
    EXPECT_FALSE(is_public(address)) << address;
  }
  sockaddr local{};
  local.sa_family = AF_UNIX;
  EXPECT_FALSE(is_public_address(local));
}

Expected<Draft> chat(const std::string& content, const std::string& role = "user") {
  return parse_json(R"({"messages":[{"role":"system","content":"s"},{"content":)" + content + R"(,"role":")" + role +
                    R"("}]})")
      .and_then([](const Value& body) { return read_chat_request(body, "fake"); });
}

TEST(chat_images, stand_where_their_text_will_be) {
  const auto draft = chat(R"([{"type":"text","text":"a"},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,aGVsbG8=","detail":"high"}},
      {"type":"text","text":"b"},{"type":"input_image","image_url":"https://example.org/x.png","detail":"auto"}])");
  ASSERT_TRUE(draft) << draft.error().message;
  const auto& parts = std::get<messages::Chat>(draft->generate.prompt).messages[1].text_parts;
  EXPECT_THAT(parts, ElementsAre("a", "", "b", ""));
  ASSERT_EQ(draft->images.size(), 2U);
  EXPECT_EQ(draft->images[0].message, 1U);
  EXPECT_EQ(draft->images[0].part, 1U);
  EXPECT_EQ(text_of(draft->images[0].source.bytes), "hello");
  EXPECT_EQ(draft->images[1].part, 3U);
  EXPECT_EQ(draft->images[1].source.https, "https://example.org/x.png");
  EXPECT_EQ(draft->images[1].source.field, "messages[1].content[3].image_url");
}

struct BadPart {
  const char* name;
  const char* content;
  const char* param;
  const char* says;
};
class BadParts : public testing::TestWithParam<BadPart> {};
TEST_P(BadParts, are_refused_by_their_place) {
  const auto draft = chat(GetParam().content);
  ASSERT_FALSE(draft);
  EXPECT_EQ(draft.error().param, GetParam().param);
  EXPECT_THAT(draft.error().message, HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    gateway, BadParts,
    testing::Values(
        BadPart{"no_image", R"([{"type":"image_url"}])", "messages[1].content[0].image_url", "is missing"},
        BadPart{"no_url", R"([{"type":"image_url","image_url":{}}])", "messages[1].content[0].image_url.url", "string"},
        BadPart{"number", R"([{"type":"image_url","image_url":5}])", "messages[1].content[0].image_url",
                "must be an object"},
        BadPart{"other_field", R"([{"type":"image_url","image_url":{"url":"data:;base64,AAAA","size":1}}])",
                "messages[1].content[0].image_url.size", "not a field"},
        BadPart{"other_member", R"([{"type":"image_url","image_url":"data:;base64,AAAA","mask":1}])",
                "messages[1].content[0].mask", "not a field"},
        BadPart{"detail", R"([{"type":"image_url","image_url":{"url":"data:;base64,AAAA","detail":"ultra"}}])",
                "messages[1].content[0].image_url.detail", "auto, low or high"},
        BadPart{"url", R"([{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"http://a/"}}])",
                "messages[1].content[1].image_url", "must be a data:"},
        BadPart{"video", R"([{"type":"video_url"}])", "messages[1].content[0].type", "not served yet"},
        BadPart{"audio", R"([{"type":"input_audio"}])", "messages[1].content[0].input_audio", "an object with data"},
        BadPart{"audio_format", R"([{"type":"input_audio","input_audio":{"data":"AAAA","format":"ogg"}}])",
                "messages[1].content[0].input_audio.format", "wav or mp3"},
        BadPart{"audio_data", R"([{"type":"input_audio","input_audio":{"data":"!","format":"wav"}}])",
                "messages[1].content[0].input_audio.data", "no base64"},
        BadPart{"audio_url", R"([{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav","url":"x"}}])",
                "messages[1].content[0].input_audio.url", "not a field"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(chat_images, come_from_users_only_and_are_counted) {
  const std::string one = R"({"type":"image_url","image_url":{"url":"data:;base64,AAAA"}})";
  EXPECT_THAT(chat("[" + one + "]", "assistant").error().message, HasSubstr("messages of the user"));
  std::string many = one;
  for (int i = 0; i < 15; ++i) many += "," + one;
  EXPECT_TRUE(chat("[" + many + "]"));
  EXPECT_THAT(chat("[" + many + "," + one + "]").error().message, HasSubstr("a request may have 16"));
}

TEST(chat_images, have_no_place_in_a_template) {
  const auto list =
      parse_json(R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:;base64,AAAA"}}]}])");
  EXPECT_EQ(read_messages(*list, nullptr).error().code, Errc::unsupported);
}

messages::Finished finished() {
  messages::Finished f;
  f.modality_path = {"ocr"};
  return f;
}

AnswerHead head_with_path() {
  AnswerHead head;
  head.zenith = [](const messages::Finished& f) {
    return f.modality_path.empty() ? std::string{} : "\"zenith\":" + zenith_json(f.modality_path, {}, nullptr);
  };
  return head;
}

TEST(modality_path, is_at_the_top_of_an_answer) {
  const auto renderer = body_renderer(head_with_path());
  std::vector<std::string> chunks;
  renderer->on(finished(), chunks);
  const auto body = parse_json(renderer->body());
  ASSERT_TRUE(body) << renderer->body();
  EXPECT_THAT(renderer->body(), HasSubstr(R"("zenith":{"modality_path":["ocr"]})"));
  const auto plain = body_renderer(head_with_path());
  plain->on(messages::Finished{}, chunks);
  EXPECT_THAT(plain->body(), testing::Not(HasSubstr("zenith\":{")));
}

class LastChunk : public testing::TestWithParam<bool> {};
TEST_P(LastChunk, has_the_modality_path) {
  AnswerHead head = head_with_path();
  head.include_usage = GetParam();
  const auto renderer = stream_renderer(head);
  std::vector<std::string> chunks;
  renderer->on(messages::Started{}, chunks);
  renderer->on(messages::Delta{}, chunks);
  for (const auto& chunk : chunks) EXPECT_THAT(chunk, testing::Not(HasSubstr("modality_path")));
  renderer->on(messages::ChoiceEnd{}, chunks);
  renderer->on(finished(), chunks);
  EXPECT_THAT(chunks.back(), HasSubstr(R"("zenith":{"modality_path":["ocr"]})"));
  for (const auto& chunk : chunks) EXPECT_TRUE(parse_json(chunk)) << chunk;
}
INSTANTIATE_TEST_SUITE_P(gateway, LastChunk, testing::Bool());

}  // namespace
}  // namespace zenith::gateway::test
