// The two bodies of /v1/vision: JSON with a URL, and a form with the file itself.
#include "api/vision_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zenith::gateway {
namespace {

using testing::HasSubstr;

/// A field, and where its content lies in the body.
struct Form {
  std::string body;
  std::vector<FormPart> parts;
  Form& put(const std::string& name, const std::string& content, std::optional<std::string> filename = {}) {
    parts.push_back({name, std::move(filename), body.size(), content.size()});
    body += content;
    return *this;
  }
};

TEST(vision_request, a_form_has_the_picture_and_a_model) {
  Form form;
  form.put("model", "ppocr-v4").put("file", "\x89PNG", "a.png");
  const auto request = read_vision_form(form.parts, form.body);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->model, "ppocr-v4");
  EXPECT_EQ(form.body.substr(request->offset, request->size), "\x89PNG");
}

struct BadVisionForm {
  const char* name;
  Form form;
  const char* param;
  const char* says;
};
class BadVisionForms : public testing::TestWithParam<BadVisionForm> {};
TEST_P(BadVisionForms, are_refused_by_the_field) {
  const auto request = read_vision_form(GetParam().form.parts, GetParam().form.body);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, Errc::invalid_argument);
  EXPECT_EQ(request.error().param, GetParam().param);
  EXPECT_THAT(request.error().message, HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    gateway, BadVisionForms,
    testing::Values(
        BadVisionForm{"nothing", Form{}, "file", "missing"},
        BadVisionForm{"no_file", Form{}.put("model", "x"), "file", "missing"},
        BadVisionForm{"empty", Form{}.put("file", "", "a.png"), "file", "empty"},
        BadVisionForm{"twice", Form{}.put("file", "a", "a").put("file", "b", "b"), "file", "twice"},
        BadVisionForm{"unknown", Form{}.put("file", "a", "a").put("image", "b"), "image", "not known"},
        BadVisionForm{"model_as_file", Form{}.put("file", "a", "a").put("model", "b", "b"), "model", "not a file"},
        BadVisionForm{"long_model", Form{}.put("file", "a", "a").put("model", std::string(513, 'x')), "model",
                      "at most 512"},
        BadVisionForm{"model_no_text", Form{}.put("file", "a", "a").put("model", "\xff"), "model", "UTF-8"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST(vision_request, json_names_a_picture) {
  const auto body = [](std::string image) { return Value{Value::Object{{"image", Value{std::move(image)}}}}; };
  const auto request = read_vision_request(body("https://example.org/a.png"));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->image.https, "https://example.org/a.png");
  EXPECT_EQ(request->model, "");
  EXPECT_EQ(read_vision_request(body("file:///etc/passwd")).error().param, "image");
  EXPECT_EQ(read_vision_request(Value{Value::Object{}}).error().param, "image");
}

}  // namespace
}  // namespace zenith::gateway
