#include "http_get.hpp"

#include <curl/curl.h>

#include <memory>

namespace zenith::tools {
namespace {

constexpr std::size_t kMostBytes = std::size_t{8} << 20;

struct Taking {
  CURL* handle = nullptr;
  const std::function<bool(std::string_view)>* take = nullptr;
  std::string body;
  bool stopped = false;
};

std::size_t on_data(char* data, std::size_t size, std::size_t count, void* user) {
  auto& taking = *static_cast<Taking*>(user);
  long status = 0;
  curl_easy_getinfo(taking.handle, CURLINFO_RESPONSE_CODE, &status);
  if (*taking.take && status == 200) {
    taking.stopped = !(*taking.take)({data, size * count});
    return taking.stopped ? 0 : size * count;
  }
  if (taking.body.size() + size * count > kMostBytes) return 0;
  taking.body.append(data, size * count);
  return size * count;
}

}  // namespace

Expected<HttpAnswer> http_get(const ServerAddress& server, const std::string& path, std::chrono::milliseconds limit,
                              const std::function<bool(std::string_view)>& take) {
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), [](CURL* h) { curl_easy_cleanup(h); });
  if (!handle) return fail(Errc::io, "libcurl could not start");
  const std::string url = server.url + path;
  Taking taking{handle.get(), &take, {}, false};
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(nullptr, curl_slist_free_all);
  if (!server.key.empty()) {
    headers.reset(curl_slist_append(nullptr, ("Authorization: Bearer " + server.key).c_str()));
    curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  }
  if (!server.ca_file.empty()) curl_easy_setopt(handle.get(), CURLOPT_CAINFO, server.ca_file.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_CONNECTTIMEOUT_MS, 3000L);
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &taking);
  const CURLcode code = curl_easy_perform(handle.get());
  if (code != CURLE_OK && !taking.stopped) {
    return fail(Errc::unavailable,
                url + ": " + curl_easy_strerror(code) + "; is `zenith serve` running there? --url names another",
                "url");
  }
  HttpAnswer answer;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  if (answer.status == 401) return fail(Errc::unauthorized, url + " wants a key: --key KEY, or ZENITH_API_KEY", "key");
  answer.body = std::move(taking.body);
  return answer;
}

}  // namespace zenith::tools
