// GET /v1/models and /v1/models/{id}
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "call.hpp"
#include "endpoints/endpoints.hpp"
#include "endpoints/names.hpp"
#include "json/write.hpp"

namespace zenith::gateway {
namespace {

void write_names(JsonWriter& w, const std::vector<std::string>& names) {
  w.begin_array();
  for (const auto& name : names) w.string(name);
  w.end_array();
}

void write_model(JsonWriter& w, const messages::ModelEntry& m) {
  w.begin_object().key("id").string(m.name).key("object").string("model").key("created").integer(
      m.created_unix_seconds);
  w.key("owned_by").string("zenith");
  w.key("kind").string(name_of(m.kind));
  w.key("modalities").begin_object().key("input");
  write_names(w, m.input_modalities);
  w.key("output");
  write_names(w, m.output_modalities);
  w.end_object().key("context_length").integer(m.context_length).key("license").string(m.license);
  w.key("architecture").string(m.architecture).key("alias_of");
  if (m.alias_of.empty()) {
    w.null();
  } else {
    w.string(m.alias_of);
  }
  w.end_object();
}

}  // namespace

void list_models(const std::shared_ptr<Call>& call) {
  const auto snapshot = call->gateway.port.snapshot();
  JsonWriter w;
  w.begin_object().key("object").string("list").key("data").begin_array();
  for (const auto& m : snapshot.models) write_model(w, m);
  w.end_array().end_object();
  call->reply_json(w.take());
}

void get_model(const std::shared_ptr<Call>& call) {
  const auto snapshot = call->gateway.port.snapshot();
  const auto at = std::find_if(snapshot.models.begin(), snapshot.models.end(),
                               [&](const auto& m) { return m.name == call->parameter; });
  if (at == snapshot.models.end()) {
    std::vector<std::string> names;
    for (const auto& m : snapshot.models) names.push_back(m.name);
    return call->fail({Errc::not_found,
                       fmt::format("there is no model \"{}\": known are {}", call->parameter, fmt::join(names, ", ")),
                       "model",
                       {}});
  }
  JsonWriter w;
  write_model(w, *at);
  call->reply_json(w.take());
}

}  // namespace zenith::gateway
