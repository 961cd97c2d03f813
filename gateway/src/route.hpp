// The one table of what is served. A new endpoint is a file under endpoints/ and a row here.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace zenith::gateway {

class Call;
struct SocketKind;

enum class Access : unsigned char { open /* no key */, key };
enum class BodyKind : unsigned char { none, json, websocket, form /* multipart/form-data */, json_or_form };

struct Route {
  std::string_view method;
  std::string_view path;  ///< a last part in braces takes the rest of the path: "/v1/models/{id}"; one in the middle,
                          ///< what has no slash: "/v1/sensors/{id}/frames"
  Access access;
  BodyKind body;
  bool work;  ///< makes a model compute: counted against quotas, refused while draining
  void (*handler)(const std::shared_ptr<Call>& call);  ///< of a WebSocket: for each of its requests
  const SocketKind* socket = nullptr;  ///< what is said on a WebSocket; beside another body: to who asks for an upgrade
};

std::span<const Route> routes() noexcept;

struct RouteMatch {
  const Route* route = nullptr;  ///< null: `allow` is empty (404) or lists the methods that there are (405)
  std::string parameter;
  std::string allow;
};

/// HEAD finds GET's row. Files of the page are found under GET /.
RouteMatch match_route(std::string_view method, std::string_view path);

}  // namespace zenith::gateway
