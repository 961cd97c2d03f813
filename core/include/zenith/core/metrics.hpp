// Counters, gauges and histograms, exposed in Prometheus' text format. Names begin with zenith_.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace zenith {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double by = 1) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

/// Any thread. The same (name, labels) gives the same object; it lives as long as the registry.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  /// @param bounds ascending upper bounds, in the unit that the name ends in (seconds, bytes).
  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                       const Labels& labels = {});
  std::string expose() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// 0.5 ms … 60 s, for latencies.
const std::vector<double>& latency_bounds_seconds();

}  // namespace zenith
