// GET /: the page and its files. GET /openapi.json: the API's description.
#include "call.hpp"
#include "endpoints/endpoints.hpp"
#include "http/assets.hpp"

namespace zenith::gateway {
namespace {

void send_asset(Call& call, const Asset* asset) {
  if (asset == nullptr) return call.reply(status_reply(404, "not_found", "this build has no such file"));
  HttpReply reply;
  reply.headers = {
      {"ETag", std::string(asset->etag)}, {"Cache-Control", "no-cache"}, {"X-Content-Type-Options", "nosniff"}};
  const auto* known = call.request.header("if-none-match");
  if (known != nullptr && *known == asset->etag) {
    reply.status = 304;
    reply.content_type.clear();
    return call.reply(std::move(reply));
  }
  reply.content_type = std::string(asset->type);
  reply.body = std::string(asset->bytes);
  if (asset->type.substr(0, 9) == "text/html") {
    reply.headers.emplace_back("Content-Security-Policy",
                               "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
                               "style-src 'self' 'unsafe-inline'; "
                               "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    reply.headers.emplace_back("Referrer-Policy", "no-referrer");
  }
  call.reply(std::move(reply));
}

}  // namespace

void page(const std::shared_ptr<Call>& call) { send_asset(*call, find_asset(call->request.path)); }
void openapi(const std::shared_ptr<Call>& call) { send_asset(*call, find_asset("/openapi.json")); }

}  // namespace zenith::gateway
