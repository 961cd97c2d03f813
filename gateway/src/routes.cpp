#include <algorithm>
#include <array>
#include <optional>

#include "endpoints/endpoints.hpp"
#include "http/assets.hpp"
#include "route.hpp"
#include "sensor_socket.hpp"

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
    Route{"POST", "/v1/audio/transcriptions", Access::key, BodyKind::form, true, transcriptions},
    Route{"GET", "/v1/audio/voices", Access::key, BodyKind::none, false, voices},
    Route{"POST", "/v1/vision/ocr", Access::key, BodyKind::json_or_form, true, vision_ocr},
    Route{"POST", "/v1/vision/ui", Access::key, BodyKind::json_or_form, true, vision_ui},
    Route{"GET", "/v1/vision/ui/schema", Access::key, BodyKind::none, false, vision_ui_schema},
    Route{"GET", "/v1/sensors", Access::key, BodyKind::none, false, list_sensors},
    Route{"POST", "/v1/sensors", Access::key, BodyKind::json, true, load_sensor},
    Route{"GET", "/v1/sensors/{id}/frames", Access::key, BodyKind::none, true, sensor_frames, &kSensorSocket},
    Route{"GET", "/v1/sensors/{id}/window", Access::key, BodyKind::none, true, sensor_window},
    Route{"GET", "/v1/sensors/{id}/picture", Access::key, BodyKind::none, true, sensor_picture},
    Route{"POST", "/v1/sensors/{id}/start", Access::key, BodyKind::none, true, start_sensor},
    Route{"POST", "/v1/sensors/{id}/stop", Access::key, BodyKind::none, true, stop_sensor},
    Route{"GET", "/v1/sensors/{id}", Access::key, BodyKind::none, false, get_sensor},
    Route{"DELETE", "/v1/sensors/{id}", Access::key, BodyKind::none, true, unload_sensor},
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

/// The part that {…} takes, empty without one; nothing when the path does not fit.
std::optional<std::string_view> fits(std::string_view pattern, std::string_view path) noexcept {
  const auto brace = pattern.find('{');
  if (brace == std::string_view::npos) return pattern == path ? std::optional{std::string_view{}} : std::nullopt;
  const auto tail = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= brace + tail.size() || path.substr(0, brace) != pattern.substr(0, brace)) return std::nullopt;
  if (!path.ends_with(tail)) return std::nullopt;
  const auto part = path.substr(brace, path.size() - brace - tail.size());
  if (!tail.empty() && part.find('/') != std::string_view::npos) return std::nullopt;
  return part;
}

}  // namespace

std::span<const Route> routes() noexcept { return kRoutes; }

RouteMatch match_route(std::string_view method, std::string_view path) {
  if (method == "HEAD") method = "GET";
  RouteMatch match;
  std::string_view fitting;
  for (const auto& route : kRoutes) {
    const auto part = fits(route.path, path);
    // The first pattern that fits is the one: a path below {id} is not another id.
    if (!part || (!fitting.empty() && route.path != fitting)) continue;
    fitting = route.path;
    if (route.method == method) {
      match.route = &route;
      match.parameter = *part;
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
