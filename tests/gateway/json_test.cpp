// JSON in and out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "http/assets.hpp"
#include "json/parse.hpp"
#include "json/write.hpp"
#include "route.hpp"

namespace zenith::gateway::test {
namespace {

std::string round_trip(std::string_view text) {
  const auto value = parse_json(text);
  if (!value) return value.error().message;
  JsonWriter w;
  w.value(*value);
  return w.take();
}

TEST(json, what_is_read_is_written) {
  for (const auto* text : {R"({"a":[1,-2,0.5,1e+30,true,false,null,"x"],"b":{"c":[]},"d":{}})", "[]", "\"\"",
                           "-9223372036854775808", "9223372036854775807", "0.1"}) {
    EXPECT_EQ(round_trip(text), text);
  }
  EXPECT_EQ(round_trip(R"("\u00e9\n\t\"\\\/\ud83d\ude00\u0000\u007f")"),
            "\"\xC3\xA9\\n\\t\\\"\\\\/\xF0\x9F\x98\x80\\u0000\\u007f\"");
  EXPECT_EQ(std::get<double>(parse_json("18446744073709551615")->data), 18446744073709551615.0) << "beyond int64";
}

TEST(json, limits_hold_at_their_edges) {
  const auto deep = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_TRUE(parse_json(deep(64)));
  EXPECT_FALSE(parse_json(deep(65)));
  EXPECT_TRUE(parse_json("[1,2]", {.depth = 1, .nodes = 3}));
  EXPECT_FALSE(parse_json("[1,2,3]", {.depth = 1, .nodes = 3}));
}

TEST(json, not_finite_is_null) {
  JsonWriter w;
  w.begin_array().number(1.0 / 0.0).number(0.1F).integer(-1).end_array();
  EXPECT_EQ(w.text(), "[null,0.1,-1]");
}

TEST(openapi, describes_every_route_and_nothing_else) {
  const auto* asset = find_asset("/openapi.json");
  ASSERT_NE(asset, nullptr);
  const auto document = parse_json(asset->bytes);
  ASSERT_TRUE(document) << document.error().message;
  std::set<std::string> described, served;
  const auto* paths = find(*document, "paths");
  ASSERT_NE(paths, nullptr);
  for (const auto& [path, item] : std::get<Value::Object>(paths->data)) {
    for (const auto& [method, operation] : std::get<Value::Object>(item.data)) {
      if (method == "parameters") continue;
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(std::toupper(c));
      described.insert(upper + " " + path);
      EXPECT_NE(find(operation, "operationId"), nullptr) << path;
      const auto* open = find(operation, "security");
      const auto match = match_route(upper, path);
      ASSERT_NE(match.route, nullptr) << path;
      EXPECT_EQ(open != nullptr, match.route->access == Access::open) << path;
    }
  }
  for (const auto& route : routes()) served.insert(std::string(route.method) + " " + std::string(route.path));
  EXPECT_EQ(described, served);
}

TEST(routes, are_found_by_method_and_path) {
  EXPECT_EQ(match_route("GET", "/v1/models/a/b").parameter, "a/b");
  EXPECT_EQ(match_route("GET", "/v1/models/").route, nullptr);
  EXPECT_EQ(match_route("HEAD", "/healthz").route, match_route("GET", "/healthz").route);
  EXPECT_EQ(match_route("PUT", "/v1/models").allow, "GET, HEAD");
  EXPECT_EQ(match_route("GET", "/index.html").route, match_route("GET", "/").route);
  EXPECT_TRUE(match_route("GET", "/nope").allow.empty());
}

}  // namespace
}  // namespace zenith::gateway::test
