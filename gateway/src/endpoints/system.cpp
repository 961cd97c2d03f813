// GET /v1/system: services, how busy they are, links; for `zenith top` and the page.
#include "call.hpp"
#include "endpoints/endpoints.hpp"
#include "endpoints/names.hpp"
#include "json/write.hpp"

namespace zenith::gateway {
namespace {

void write_service(JsonWriter& w, const messages::ServiceLine& line) {
  const auto& load = line.load;
  w.begin_object().key("id").string(line.status.id).key("role").string(name_of(line.status.role));
  w.key("status").string(name_of(line.status.health)).key("detail").string(line.status.detail).key("model");
  if (line.status.model.empty()) {
    w.null();
  } else {
    w.string(line.status.model);
  }
  w.key("queue").integer(load.queue).key("running").integer(load.running).key("sequences").integer(load.sequences);
  w.key("kv_pages_used").integer(load.pages_used).key("kv_pages").integer(load.pages);
  w.key("generated_tokens").integer(static_cast<std::int64_t>(load.tokens));
  w.key("endpoint").string(line.endpoint).key("numerics").string(line.numerics);
  w.key("generation").string(hexadecimal(line.generation.value)).end_object();
}

void write_link(JsonWriter& w, const messages::LinkLine& line) {
  w.begin_object().key("peer").string(line.peer).key("endpoint").string(line.endpoint);
  w.key("dialled").boolean(line.dialled).key("suspect").boolean(line.suspect);
  w.key("open_requests").integer(static_cast<std::int64_t>(line.open_requests));
  w.key("sent_messages").integer(static_cast<std::int64_t>(line.sent));
  w.key("received_messages").integer(static_cast<std::int64_t>(line.received));
  w.key("credit_requests").integer(line.credit_requests).key("credit_kib").integer(line.credit_kib);
  w.key("round_trip_us").integer(line.round_trip.count()).end_object();
}

}  // namespace

void system_status(const std::shared_ptr<Call>& call) {
  const auto system = call->gateway.port.system();
  JsonWriter w;
  w.begin_object().key("status").string(name_of(system.overall)).key("services").begin_array();
  for (const auto& line : system.services) write_service(w, line);
  w.end_array().key("links").begin_array();
  for (const auto& line : system.links) write_link(w, line);
  w.end_array().end_object();
  call->reply_json(w.take());
}

}  // namespace zenith::gateway
