#include "pull/hub.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>

#include "pull/output_file.hpp"

namespace zenith::tools {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 41;  // 2 TiB: larger than any single GGUF file

struct CloseCurl {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
using Curl = std::unique_ptr<CURL, CloseCurl>;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// What callbacks share. curl gives plain pointers.
struct Transfer {
  CURL* handle = nullptr;
  OutputFile* out = nullptr;
  std::string sha256;             // wanted
  std::uint64_t linked_size = 0;  // x-linked-size, 0 = not given
  std::optional<Error> error;     // why a callback stopped the transfer
  const std::function<void(std::uint64_t, std::uint64_t)>* grown = nullptr;

  void on_header(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string name = lower(std::string{line.substr(0, colon)});
    std::string value{line.substr(colon + 1)};
    std::erase_if(value, [](char c) { return c == ' ' || c == '\r' || c == '\n' || c == '"'; });
    if (name == "x-linked-etag" && sha256.empty() && is_sha256(lower(value))) sha256 = lower(value);
    if (name == "x-linked-size" && linked_size == 0) {
      std::from_chars(value.data(), value.data() + value.size(), linked_size);
    }
  }

  std::uint64_t total() const {
    if (linked_size != 0) return linked_size;
    curl_off_t length = 0;
    curl_easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length > 0 ? static_cast<std::uint64_t>(length) : 0;
  }

  bool on_body(std::span<const std::byte> bytes) {
    if (sha256.empty()) {
      error = Error{Errc::invalid_argument,
                    "the server names no sha256 for this file: give it by --sha256, so that what comes can be checked",
                    "sha256",
                    {}};
      return false;
    }
    if (linked_size != 0 && out->written() + bytes.size() > linked_size) {
      error = Error{
          Errc::bad_file, "more came than the " + std::to_string(linked_size) + " bytes that the hub names", {}, {}};
      return false;
    }
    if (auto ok = out->write(bytes); !ok) {
      error = ok.error();
      return false;
    }
    (*grown)(out->written(), total());
    return true;
  }
};

std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* user) {
  static_cast<Transfer*>(user)->on_header({data, size * count});
  return size * count;
}

std::size_t body_callback(char* data, std::size_t size, std::size_t count, void* user) {
  const auto bytes = std::as_bytes(std::span{data, size * count});
  return static_cast<Transfer*>(user)->on_body(bytes) ? bytes.size() : 0;
}

void configure(CURL* handle, const std::string& url, Transfer& transfer, char* reason) {
  const bool secure = url.rfind("https://", 0) == 0;
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "zenith");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, 20L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, 60L);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, header_callback);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, body_callback);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  // The curl tool reads this variable, libcurl does not.
  if (const char* bundle = std::getenv("SSL_CERT_FILE");
      bundle != nullptr && *bundle != '\0') {  // NOLINT(concurrency-mt-unsafe)
    curl_easy_setopt(handle, CURLOPT_CAINFO, bundle);
  }
}

Error transfer_error(CURL* handle, CURLcode code, const char* reason, const std::string& url) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  const std::string detail = *reason != '\0' ? reason : curl_easy_strerror(code);
  if (code == CURLE_PARTIAL_FILE) {
    return {Errc::bad_file, url + " ended early: " + detail + "; nothing was kept", {}, {}};
  }
  if (status == 404) return {Errc::not_found, url + " does not exist (404)", "model", {}};
  if (status == 401 || status == 403) {
    return {Errc::unauthorized,
            url + " needs permission (" + std::to_string(status) + "): the hub gives this file to members only",
            "model",
            {}};
  }
  return {Errc::io, "downloading " + url + " failed: " + detail, "model", {}};
}

bool is_safe_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.size() > 255) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '+';
  });
}

}  // namespace

Expected<HubName> parse_hub_name(std::string_view text) {
  const std::string form = "'hf:" + std::string{text} + "' must be hf:owner/repo/file.gguf";
  const auto first = text.find('/');
  const auto second = first == std::string_view::npos ? first : text.find('/', first + 1);
  if (second == std::string_view::npos) return fail(Errc::invalid_argument, form, "model");
  HubName name{std::string{text.substr(0, first)}, std::string{text.substr(first + 1, second - first - 1)},
               std::string{text.substr(second + 1)}};
  if (!is_safe_name(name.owner) || !is_safe_name(name.repo) || !name.file.ends_with(".gguf")) {
    return fail(Errc::invalid_argument, form, "model");
  }
  for (std::string_view rest = name.file; !rest.empty();) {
    const auto slash = std::min(rest.find('/'), rest.size());
    if (!is_safe_name(rest.substr(0, slash))) return fail(Errc::invalid_argument, form, "model");
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  return name;
}

std::string hub_url(const std::string& hub, const HubName& name) {
  std::string url = hub + "/" + name.owner + "/" + name.repo + "/resolve/main/";
  for (const char c : name.file) url += c == '+' ? std::string{"%2B"} : std::string{c};
  return url;
}

Expected<Downloaded> download_url(const std::string& url, const std::string& sha256,
                                  const std::filesystem::path& target,
                                  const std::function<void(std::uint64_t, std::uint64_t)>& grown) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const Curl handle{ready == CURLE_OK ? curl_easy_init() : nullptr};
  if (handle == nullptr) return fail(Errc::internal, "libcurl could not be initialised");
  auto out = OutputFile::create(target, kMostBytes);
  if (!out) return tl::make_unexpected(out.error());

  Transfer transfer{handle.get(), &*out, lower(sha256), 0, std::nullopt, &grown};
  char reason[CURL_ERROR_SIZE] = {};
  configure(handle.get(), url, transfer, reason);
  const CURLcode code = curl_easy_perform(handle.get());
  if (transfer.error) return tl::make_unexpected(*transfer.error);
  if (code != CURLE_OK) return tl::make_unexpected(transfer_error(handle.get(), code, reason, url));

  const std::uint64_t bytes = out->written();
  if (bytes == 0) return fail(Errc::bad_file, url + " is empty");
  if (transfer.linked_size != 0 && bytes != transfer.linked_size) {
    return fail(Errc::bad_file, url + " gave " + std::to_string(bytes) + " bytes, the hub names " +
                                    std::to_string(transfer.linked_size) + "; nothing was kept");
  }
  auto hash = out->finish();
  if (!hash) return tl::make_unexpected(hash.error());
  if (*hash != transfer.sha256) {
    return fail(Errc::bad_file,
                url + " has sha256 " + *hash + ", " + transfer.sha256 + " was expected; nothing was kept", "sha256");
  }
  return Downloaded{*hash, bytes};
}

}  // namespace zenith::tools
