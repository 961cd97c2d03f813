#include <algorithm>
#include <array>

#include "endpoints/endpoints.hpp"
#include "http/assets.hpp"
#include "route.hpp"
#include "socket_session.hpp"

namespace zenith::gateway {
namespace {

constexpr std::array kRoutes{
    // method, path, key?, body, work, handler
    Route{"POST", "/v1/chat/completions", Access::key, BodyKind::json, true, chat_completions},
    Route{"POST", "/v1/completions", Access::key, BodyKind::json, true, completions},
    Route{"POST", "/v1/embeddings", Access::key, BodyKind::json, true, embeddings},
    Route{"GET", "/v1/stream", Access::key, BodyKind::websocket, true, stream, &kStreamSocket},
    Route{"GET", "/v1/realtime", Access::key, BodyKind::websocket, true, talk, &kRealtimeSocket},
    Route{"GET", "/v1/models", Access::key, BodyKind::none, false, list_models},
    Route{"GET", "/v1/models/{id}", Access::key, BodyKind::none, false, get_model},
    Route{"POST", "/v1/audio/speech", Access::key, BodyKind::json, true, speech},
    Route{"GET", "/v1/audio/voices", Access::key, BodyKind::none, false, voices},
    Route{"POST", "/tokenize", Access::key, BodyKind::json, true, tokenize},
    Route{"POST", "/detokenize", Access::key, BodyKind::json, true, detokenize},
    Route{"POST", "/apply-template", Access::key, BodyKind::json, true, apply_template},
    Route{"GET", "/healthz", Access::open, BodyKind::none, false, healthz},
    Route{"GET", "/readyz", Access::open, BodyKind::none, false, readyz},
    Route{"GET", "/metrics", Access::key, BodyKind::none, false, metrics},
    Route{"GET", "/v1/system", Access::key, BodyKind::none, false, system_status},
    Route{"GET", "/props", Access::key, BodyKind::none, false, props},
    Route{"GET", "/openapi.json", Access::key, BodyKind::none, false, openapi},
    Route{"GET", "/", Access::open, BodyKind::none, false, page},
};

/// The part that {…} takes, or null when the path does not fit.
const char* fits(std::string_view pattern, std::string_view path) noexcept {
  const auto brace = pattern.find('{');
  if (brace == std::string_view::npos) return pattern == path ? path.data() + path.size() : nullptr;
  if (path.size() <= brace || path.substr(0, brace) != pattern.substr(0, brace)) return nullptr;
  return path.data() + brace;
}

}  // namespace

std::span<const Route> routes() noexcept { return kRoutes; }

RouteMatch match_route(std::string_view method, std::string_view path) {
  if (method == "HEAD") method = "GET";
  RouteMatch match;
  for (const auto& route : kRoutes) {
    const char* rest = fits(route.path, path);
    if (rest == nullptr) continue;
    if (route.method == method) {
      match.route = &route;
      match.parameter.assign(rest, path.data() + path.size());
      return match;
    }
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  if (match.allow.empty() && path != "/" && find_asset(path) != nullptr) {
    match = match_route(method, "/");
    match.parameter.clear();
  }
  return match;
}

}  // namespace zenith::gateway
