#include "zenith/core/metrics.hpp"

#include <mutex>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace zenith {
namespace {

struct CounterImpl final : Counter {
  explicit CounterImpl(prometheus::Counter& c) : native(c) {}
  void add(double by) override { native.Increment(by); }
  prometheus::Counter& native;
};
struct GaugeImpl final : Gauge {
  explicit GaugeImpl(prometheus::Gauge& g) : native(g) {}
  void set(double value) override { native.Set(value); }
  prometheus::Gauge& native;
};
struct HistogramImpl final : Histogram {
  explicit HistogramImpl(prometheus::Histogram& h) : native(h) {}
  void observe(double value) override { native.Observe(value); }
  prometheus::Histogram& native;
};

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  std::mutex mutex;
  std::map<std::pair<std::string, Labels>, std::unique_ptr<Counter>> counters;
  std::map<std::pair<std::string, Labels>, std::unique_ptr<Gauge>> gauges;
  std::map<std::pair<std::string, Labels>, std::unique_ptr<Histogram>> histograms;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& slot = impl_->counters[{name, labels}];
  if (!slot)
    slot = std::make_unique<CounterImpl>(
        prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry).Add(labels));
  return *slot;
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& slot = impl_->gauges[{name, labels}];
  if (!slot)
    slot = std::make_unique<GaugeImpl>(
        prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add(labels));
  return *slot;
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                              const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  auto& slot = impl_->histograms[{name, labels}];
  if (!slot) {
    slot = std::make_unique<HistogramImpl>(
        prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry).Add(labels, bounds));
  }
  return *slot;
}

std::string Metrics::expose() const { return prometheus::TextSerializer().Serialize(impl_->registry.Collect()); }

const std::vector<double>& latency_bounds_seconds() {
  static const std::vector<double> bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                          0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
  return bounds;
}

}  // namespace zenith
