// Requests and replies as endpoints see them: no sockets, no Beast.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zenith::gateway {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;  ///< as sent: "GET"
  std::string target;  ///< as sent, for logs
  std::string path;    ///< percent-decoded, without the query
  HeaderList headers;  ///< names in lower case
  std::string body;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool has_body = false;  ///< Content-Length above 0, or chunked
  bool expect_continue = false;
  bool upgrade_websocket = false;

  /// The first header of that (lower-case) name, or null.
  const std::string* header(std::string_view name) const noexcept;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  HeaderList headers;
  bool close = false;  ///< end the connection after this reply
};

/// "Not Found" for 404; "Unknown" for a status that we never send.
std::string_view reason_phrase(int status) noexcept;

/// The head of an answer up to and with the empty line. `length` absent: chunked, or to the end of the connection for
/// HTTP/1.0.
std::string render_head(int status, const HeaderList& headers, std::string_view content_type,
                        std::optional<std::size_t> length, bool http_1_0, bool close);

/// One chunk of a chunked body; `data` must not be empty.
void append_chunk(std::string& out, std::string_view data);

/// Decodes %XX. @returns nothing for a bad escape, a NUL or another control character.
std::optional<std::string> percent_decode(std::string_view text);

bool iequals(std::string_view a, std::string_view b) noexcept;
/// Without spaces and tabs at both ends.
std::string_view trim(std::string_view text) noexcept;
/// True when the comma-separated `list` has `token`, in any case.
bool has_token(std::string_view list, std::string_view token) noexcept;

}  // namespace zenith::gateway
