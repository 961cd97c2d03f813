#include "net/fetcher.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "net/public_address.hpp"

namespace zenith::gateway {
namespace {

std::string name_of(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* at = address.sa_family == AF_INET6
                       ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr)
                       : static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr);
  return inet_ntop(address.sa_family, at, text.data(), text.size()) != nullptr ? text.data() : "an address";
}

struct Transfer {
  std::string url, traceparent;
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers{nullptr, curl_slist_free_all};
  Fetcher::Done done;
  const FetchOptions* options = nullptr;
  std::shared_ptr<std::atomic<bool>> cancelled;
  std::string bytes;
  std::string refused;  ///< an address that was not connected to
  bool too_large = false;
  std::array<char, CURL_ERROR_SIZE> reason{};
};

std::size_t take(char* data, std::size_t one, std::size_t n, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.cancelled->load()) return 0;
  if (transfer.bytes.size() + one * n > transfer.options->bytes) {
    transfer.too_large = true;
    return 0;
  }
  transfer.bytes.append(data, one * n);
  return one * n;
}

/// The last word before a connection: the address is the one that will be used.
curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string name = name_of(address->addr);
  if (!is_public_address(address->addr) && name != transfer.options->also_address) {
    transfer.refused = name;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int still_wanted(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->cancelled->load() ? 1 : 0;
}

Error error_of(const Transfer& transfer, CURLcode code, long status) {
  if (transfer.cancelled->load()) return {Errc::cancelled, "the client went away", {}, {}};
  const auto could_not = [](std::string why) {
    return Error{Errc::invalid_argument, "it could not be fetched: " + std::move(why), {}, {}};
  };
  if (!transfer.refused.empty()) {
    return could_not(fmt::format("its address {} is not public", transfer.refused));
  }
  if (transfer.too_large || code == CURLE_FILESIZE_EXCEEDED) {
    return {
        Errc::payload_too_large, fmt::format("it has more than {} bytes, the limit", transfer.options->bytes), {}, {}};
  }
  if (status >= 400) return could_not(fmt::format("its server answered with status {}", status));
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return could_not(fmt::format("its server took longer than {} ms", transfer.options->whole.count()));
  }
  return could_not(transfer.reason[0] != 0 ? transfer.reason.data() : curl_easy_strerror(code));
}

class CurlFetcher final : public Fetcher {
 public:
  explicit CurlFetcher(FetchOptions options) : options_(std::move(options)) {
    static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
    static_cast<void>(once);
    multi_ = curl_multi_init();
  }
  ~CurlFetcher() override {
    stop_ = true;
    if (multi_ != nullptr) curl_multi_wakeup(multi_);
    if (thread_.joinable()) thread_.join();
    for (auto& transfer : waiting_) transfer->done(tl::make_unexpected(closing()));
    if (multi_ != nullptr) curl_multi_cleanup(multi_);
  }

  using Fetcher::fetch;
  Cancel fetch(std::string url, Done done, std::string traceparent) override {
    auto transfer = std::make_unique<Transfer>();
    transfer->url = std::move(url);
    transfer->traceparent = std::move(traceparent);
    transfer->options = &options_;
    transfer->cancelled = std::make_shared<std::atomic<bool>>(false);
    Cancel cancel = [flag = transfer->cancelled] { flag->store(true); };
    {
      const std::lock_guard lock(mutex_);
      if (open_ < options_.transfers && multi_ != nullptr) {
        ++open_;
        transfer->done = std::move(done);
        waiting_.push_back(std::move(transfer));
        if (!thread_.joinable()) thread_ = std::thread{[this] { run(); }};
      }
    }
    if (transfer) {
      done(tl::make_unexpected(
          Error{Errc::overloaded,
                fmt::format("{} pictures are being fetched, the limit: retry later", options_.transfers),
                {},
                std::chrono::seconds(1)}));
      return [] {};
    }
    curl_multi_wakeup(multi_);
    return cancel;
  }

 private:
  static Error closing() { return {Errc::draining, "the server is shutting down", {}, {}}; }

  void run() {
    while (!stop_) {
      begin_waiting();
      int running = 0;
      curl_multi_perform(multi_, &running);
      finish_done();
      curl_multi_poll(multi_, nullptr, 0, running > 0 ? 100 : 3'600'000, nullptr);
    }
    for (auto& [handle, transfer] : transfers_) {
      curl_multi_remove_handle(multi_, handle);
      curl_easy_cleanup(handle);
      transfer->done(tl::make_unexpected(closing()));
    }
    transfers_.clear();
  }

  void begin_waiting() {
    std::vector<std::unique_ptr<Transfer>> fresh;
    {
      const std::lock_guard lock(mutex_);
      fresh.swap(waiting_);
    }
    for (auto& transfer : fresh) begin(std::move(transfer));
  }

  void begin(std::unique_ptr<Transfer> transfer) {
    CURL* handle = curl_easy_init();
    if (handle == nullptr)
      return end(*transfer, tl::make_unexpected(Error{Errc::internal, "no transfer handle", {}, {}}));
    curl_easy_setopt(handle, CURLOPT_URL, transfer->url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, static_cast<long>(options_.redirects));
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect.count()));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.whole.count()));
    curl_easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(options_.bytes));
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "zenith");
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, transfer.get());
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer.get());
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, still_wanted);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, transfer.get());
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->reason.data());
    if (!transfer->traceparent.empty()) {
      transfer->headers.reset(curl_slist_append(nullptr, ("traceparent: " + transfer->traceparent).c_str()));
      curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer->headers.get());
    }
    if (!options_.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
    curl_multi_add_handle(multi_, handle);
    transfers_[handle] = std::move(transfer);
  }

  void finish_done() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* handle = message->easy_handle;
      const CURLcode code = message->data.result;
      long status = 0;
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      const auto node = transfers_.extract(handle);
      curl_multi_remove_handle(multi_, handle);
      curl_easy_cleanup(handle);
      Transfer& transfer = *node.mapped();
      if (code == CURLE_OK && !transfer.bytes.empty()) {
        end(transfer, Buffer::of(std::move(transfer.bytes)));
      } else if (code == CURLE_OK) {
        end(transfer,
            tl::make_unexpected(Error{Errc::invalid_argument, "it could not be fetched: it is empty", {}, {}}));
      } else {
        end(transfer, tl::make_unexpected(error_of(transfer, code, status)));
      }
    }
  }

  void end(Transfer& transfer, Expected<Buffer> result) {
    {
      const std::lock_guard lock(mutex_);
      --open_;
    }
    transfer.done(std::move(result));
  }

  const FetchOptions options_;
  CURLM* multi_ = nullptr;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers_;  // of the thread
  std::mutex mutex_;                                      // of what follows
  std::vector<std::unique_ptr<Transfer>> waiting_;
  std::size_t open_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Fetcher> make_fetcher(FetchOptions options) {
  return std::make_unique<CurlFetcher>(std::move(options));
}

}  // namespace zenith::gateway
