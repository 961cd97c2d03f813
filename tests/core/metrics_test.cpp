#include "zenith/core/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zenith {
namespace {

using testing::HasSubstr;

TEST(Metrics, TheSameNameAndLabelsAreTheSameMetric) {
  Metrics metrics;
  metrics.counter("zenith_tokens_total", "tokens", {{"kind", "prompt"}}).add(2);
  metrics.counter("zenith_tokens_total", "tokens", {{"kind", "prompt"}}).add();
  metrics.counter("zenith_tokens_total", "tokens", {{"kind", "generated"}}).add(5);
  metrics.gauge("zenith_queue_depth", "waiting").set(7);
  const std::string text = metrics.expose();
  EXPECT_THAT(text, HasSubstr("zenith_tokens_total{kind=\"prompt\"} 3"));
  EXPECT_THAT(text, HasSubstr("zenith_tokens_total{kind=\"generated\"} 5"));
  EXPECT_THAT(text, HasSubstr("zenith_queue_depth 7"));
  EXPECT_THAT(text, HasSubstr("# TYPE zenith_tokens_total counter"));
}

TEST(Metrics, AHistogramCountsIntoItsBounds) {
  Metrics metrics;
  auto& histogram = metrics.histogram("zenith_queue_seconds", "in line", {0.1, 1});
  histogram.observe(0.05);
  histogram.observe(0.5);
  histogram.observe(5);
  const std::string text = metrics.expose();
  EXPECT_THAT(text, HasSubstr("zenith_queue_seconds_bucket{le=\"0.1\"} 1"));
  EXPECT_THAT(text, HasSubstr("zenith_queue_seconds_bucket{le=\"1\"} 2"));
  EXPECT_THAT(text, HasSubstr("zenith_queue_seconds_bucket{le=\"+Inf\"} 3"));
  EXPECT_THAT(text, HasSubstr("zenith_queue_seconds_count 3"));
}

}  // namespace
}  // namespace zenith
