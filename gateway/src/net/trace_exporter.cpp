#include "net/trace_exporter.hpp"

#include <curl/curl.h>
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "zenith/core/log.hpp"

namespace zenith::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto kGather = 200ms;  // so that requests that end together share a POST
constexpr long kConnectMs = 2000, kWholeMs = 5000;
constexpr auto kLastWords = 2s;

std::size_t ignore(char*, std::size_t one, std::size_t n, void*) { return one * n; }

class CurlExporter final : public TraceExporter {
 public:
  CurlExporter(std::string endpoint, std::string version, const Clock& clock, Metrics& metrics)
      : endpoint_(std::move(endpoint)),
        version_(std::move(version)),
        clock_(clock),
        exported_(metrics.counter("zenith_trace_spans_exported_total", "Spans that the collector took")),
        dropped_(metrics.counter("zenith_trace_spans_dropped_total",
                                 "Spans that were lost: the queue was full, or the collector did not take them")) {
    static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(once);
    thread_ = std::thread{[this] { run(); }};
  }
  ~CurlExporter() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      give_up_at_ = std::chrono::steady_clock::now() + kLastWords;
    }
    changed_.notify_one();
    thread_.join();
  }

  void take(TraceRecord record) override {
    const std::size_t spans = spans_of(record);
    {
      const std::lock_guard lock(mutex_);
      if (!closing_ && waiting_spans_ + spans <= kQueue) {
        waiting_spans_ += spans;
        waiting_.push_back(std::move(record));
        changed_.notify_one();
        return;
      }
    }
    dropped_.add(static_cast<double>(spans));
  }

 private:
  void run() {
    ::pthread_setname_np(::pthread_self(), "zenith-trace");
    const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), [](CURL* h) { curl_easy_cleanup(h); });
    const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
        curl_slist_append(nullptr, "Content-Type: application/json"), curl_slist_free_all);
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      if (!closing_) changed_.wait_for(lock, kGather, [this] { return closing_ || waiting_spans_ >= kBatch; });
      std::vector<TraceRecord> batch;
      std::size_t spans = 0;
      while (!waiting_.empty() && spans < kBatch) {
        spans += spans_of(waiting_.front());
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
      waiting_spans_ -= spans;
      lock.unlock();
      const std::string why = handle ? post(handle.get(), headers.get(), batch) : "libcurl could not start";
      (why.empty() ? exported_ : dropped_).add(static_cast<double>(spans));
      say(why);
      lock.lock();
    }
  }

  /// @returns why it was not taken; empty when it was.
  std::string post(CURL* handle, curl_slist* headers, const std::vector<TraceRecord>& batch) {
    const std::int64_t zero = clock_.unix_nanoseconds() - clock_.now().time_since_epoch().count();
    const std::string body = otlp_json(batch, zero, version_);
    curl_easy_reset(handle);
    curl_easy_setopt(handle, CURLOPT_URL, endpoint_.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, kWholeMs);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "zenith");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, still_wanted);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, this);
    const CURLcode code = curl_easy_perform(handle);
    if (code != CURLE_OK) return curl_easy_strerror(code);
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300 ? std::string{} : "it answered with status " + std::to_string(status);
  }

  static int still_wanted(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    auto& me = *static_cast<CurlExporter*>(user);
    const std::lock_guard lock(me.mutex_);
    return me.closing_ && std::chrono::steady_clock::now() > me.give_up_at_ ? 1 : 0;
  }

  /// Once for each turn of fortune.
  void say(const std::string& why) {
    if (why.empty() == !failing_) return;
    failing_ = !why.empty();
    log(failing_ ? LogLevel::warn : LogLevel::info, "trace",
        failing_ ? "spans are lost: the collector does not take them" : "the collector takes spans again",
        {{"endpoint", endpoint_}, {"reason", why}});
  }

  const std::string endpoint_, version_;
  const Clock& clock_;
  Counter& exported_;
  Counter& dropped_;
  bool failing_ = false;  // of the thread
  std::mutex mutex_;      // of what follows
  std::condition_variable changed_;
  std::deque<TraceRecord> waiting_;
  std::size_t waiting_spans_ = 0;
  bool closing_ = false;
  std::chrono::steady_clock::time_point give_up_at_{};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<TraceExporter> make_trace_exporter(std::string endpoint, std::string version, const Clock& clock,
                                                   Metrics& metrics) {
  return std::make_unique<CurlExporter>(std::move(endpoint), std::move(version), clock, metrics);
}

}  // namespace zenith::gateway
