// Receipts and spans as clients and collectors get them.
#include "api/receipt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "api/otlp.hpp"
#include "http/trace.hpp"

namespace zenith::gateway {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

messages::Hop hop(std::string name, std::string service) {
  messages::Hop out;
  out.name = std::move(name);
  out.service = std::move(service);
  out.model = "m";
  out.generation = Generation{0xabc};
  out.begun = Instant{10ms};
  out.ended = Instant{20ms};
  out.spent = {1'000, 6'000, 512, 1};
  out.trace.trace_id = {0xaa};
  out.trace.span_id = {0xbb};
  out.trace.flags = 1;
  return out;
}

TEST(receipt, a_hop_says_where_its_time_went) {
  messages::Receipt receipt;
  receipt.add(hop("ocr", "vision"));
  auto lost = hop("text", "text-1");
  lost.attempt = 2;
  lost.error = Error{Errc::unavailable, "it died", {}, {}};
  receipt.add(lost);
  const auto json = Json::parse(zenith_json({"ocr"}, "req-1", &receipt));
  EXPECT_EQ(json["modality_path"], Json({"ocr"}));
  EXPECT_EQ(json["request_id"], "req-1");
  EXPECT_EQ(json["receipt"][0], (Json{{"hop", "ocr"},
                                      {"service", "vision"},
                                      {"model", "m"},
                                      {"generation", "0000000000000abc"},
                                      {"attempt", 1},
                                      {"total_us", 10'000},
                                      {"queue_us", 1'000},
                                      {"compute_us", 6'000},
                                      {"transfer_us", 3'000},
                                      {"bytes", 512},
                                      {"copies", 1}}));
  EXPECT_EQ(json["receipt"][1]["error"], "unavailable");
  EXPECT_EQ(json["receipt"][1]["attempt"], 2);
}

TEST(receipt, without_one_the_path_stands_alone) {
  EXPECT_EQ(zenith_json({"ocr"}, "r", nullptr), R"({"modality_path":["ocr"]})");
}

TEST(receipt, it_is_bounded_and_says_what_it_left_out) {
  messages::Receipt receipt;
  for (std::size_t i = 0; i < messages::Receipt::kMost + 3; ++i) receipt.add(hop("text", "t"));
  const auto json = Json::parse(zenith_json({}, "r", &receipt));
  EXPECT_EQ(json["receipt"].size(), messages::Receipt::kMost);
  EXPECT_EQ(json["hops_left_out"], 3);
}

TEST(receipt, a_member_is_added_to_any_object) {
  EXPECT_EQ(with_member("{}", "\"a\":1"), R"({"a":1})");
  EXPECT_EQ(with_member(R"({"b":2})", "\"a\":1"), R"({"b":2,"a":1})");
}

TEST(receipt, spans_of_one_trace_differ) {
  messages::Receipt receipt;
  messages::TraceContext root;
  EXPECT_FALSE(has_trace(receipt.span_below(root))) << "no trace, no span";
  root.trace_id = {1};
  root.span_id = {2};
  std::set<std::array<std::uint8_t, 8>> seen{root.span_id};
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(receipt.span_below(root).span_id).second);
}

struct Spans {
  std::map<std::string, Json> by_name, instance;
  explicit Spans(const std::string& text) {
    const Json all = Json::parse(text);
    for (const auto& resource : all["resourceSpans"]) {
      for (const auto& span : resource["scopeSpans"][0]["spans"]) {
        by_name[span["name"]] = span;
        instance[span["name"]] = resource["resource"]["attributes"][1]["value"]["stringValue"];
      }
    }
  }
};

TEST(otlp, a_request_its_hops_and_their_work_are_one_tree) {
  TraceRecord record;
  record.root.trace_id = {0xaa};
  record.root.span_id = {0x11};
  record.parent = {0x22};
  record.name = "POST /v1/chat/completions";
  record.request_id = "req-1";
  record.begun = Instant{5ms};
  record.ended = Instant{40ms};
  record.status = 200;
  record.hops.push_back(hop("ocr", "vision"));
  EXPECT_EQ(spans_of(record), 3U);
  Spans spans{otlp_json({record}, 1'000'000'000'000, "1.0")};
  const auto& root = spans.by_name["POST /v1/chat/completions"];
  EXPECT_EQ(root["traceId"], "aa000000000000000000000000000000");
  EXPECT_EQ(root["spanId"], "1100000000000000");
  EXPECT_EQ(root["parentSpanId"], "2200000000000000");
  EXPECT_EQ(root["startTimeUnixNano"], "1000005000000");
  EXPECT_EQ(root["endTimeUnixNano"], "1000040000000");
  EXPECT_EQ(root["kind"], 2);
  const auto& ocr = spans.by_name["ocr"];
  EXPECT_EQ(ocr["parentSpanId"], root["spanId"]);
  EXPECT_EQ(ocr["kind"], 3);
  EXPECT_EQ(spans.instance["ocr"], "gateway");
  const auto& work = spans.by_name["ocr work"];
  EXPECT_EQ(work["parentSpanId"], ocr["spanId"]);
  EXPECT_EQ(spans.instance["ocr work"], "vision");
  // 10 ms in all, 7 of them there: 1.5 on the way there.
  EXPECT_EQ(work["startTimeUnixNano"], "1000011500000");
  EXPECT_EQ(work["endTimeUnixNano"], "1000018500000");
}

TEST(otlp, a_hop_that_failed_has_no_work_and_says_why) {
  TraceRecord record;
  record.root.trace_id = {1};
  record.root.span_id = {2};
  record.name = "POST /x";
  record.status = 503;
  record.hops.push_back(hop("ocr", "vision"));
  record.hops[0].error = Error{Errc::unavailable, "service 'vision': \xff died", {}, {}};
  EXPECT_EQ(spans_of(record), 2U);
  Spans spans{otlp_json({record}, 0, "1.0")};
  EXPECT_EQ(spans.by_name.count("ocr work"), 0U);
  EXPECT_EQ(spans.by_name["ocr"]["status"]["code"], 2);
  EXPECT_THAT(spans.by_name["ocr"]["status"]["message"].get<std::string>(), testing::HasSubstr("service 'vision'"));
  EXPECT_EQ(spans.by_name["POST /x"]["status"]["code"], 2);
  EXPECT_FALSE(spans.by_name["POST /x"].contains("parentSpanId"));
}

}  // namespace
}  // namespace zenith::gateway
