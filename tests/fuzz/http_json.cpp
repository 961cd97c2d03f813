// Any bytes as an HTTP connection, then as a body: a request, an error, never a crash, never more memory than the
// limits allow.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "api/chat_request.hpp"
#include "api/completion_request.hpp"
#include "auth/browser_policy.hpp"
#include "auth/keys.hpp"
#include "http/request_reader.hpp"
#include "http/trace.hpp"
#include "json/parse.hpp"
#include "json/write.hpp"

using namespace zenith;
using namespace zenith::gateway;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void body(std::string_view text) {
  const auto value = parse_json(text, {.depth = 16, .nodes = 4096});
  if (!value) return;
  JsonWriter w;
  w.value(*value);
  const auto again = parse_json(w.text(), {.depth = 16, .nodes = 4096});
  require(again.has_value());  // what we write we can read
  (void)read_chat_request(*value, "m");
  (void)read_completion_request(*value, "m");
}

void connection(std::string bytes, std::size_t step) {
  RequestReader reader({.header_bytes = 1024, .header_count = 20, .body_bytes = 4096});
  std::string pending;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    pending.append(bytes, at, step);
    for (;;) {
      std::size_t consumed = 0;
      const auto progress = reader.feed(pending, consumed);
      require(consumed <= pending.size());
      pending.erase(0, consumed);
      if (progress == RequestReader::Progress::refused) {
        require(reader.refusal_status() >= 400);
        return;
      }
      if (progress == RequestReader::Progress::head) {
        const auto& request = reader.request();
        require(request.path.find('\0') == std::string::npos);
        (void)presented_key(request);
        (void)BrowserPolicy{.check_host = true, .listen_host = "127.0.0.1", .cors_origins = {"https://a"}}.refuse(
            request);
        if (const auto* trace = request.header("traceparent")) (void)parse_traceparent(*trace);
        continue;
      }
      if (progress == RequestReader::Progress::need_more) break;
      require(reader.request().body.size() <= 4096);
      body(reader.request().body);
      reader.reset();
      if (pending.empty()) break;
    }
    require(pending.size() <= 4096 + 1024 + step);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] < 64) {
    body(text);
  } else {
    connection(text, data[0] % 2 == 0 ? text.size() : 1 + data[0] % 7);
  }
  return 0;
}
