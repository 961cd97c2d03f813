// Announcements and views.
#include "reader.hpp"
#include "sensor.hpp"
#include "writer.hpp"

namespace zenith::links {
namespace {

At<fb::ModelEntry> write_model(Writer& w, const messages::ModelEntry& model) {
  const auto name = w.text(model.name, "model.name");
  const auto alias_of = w.text(model.alias_of, "model.alias_of");
  const auto inputs = w.texts(model.input_modalities, "model.input_modalities");
  const auto outputs = w.texts(model.output_modalities, "model.output_modalities");
  const auto license = w.text(model.license, "model.license");
  const auto architecture = w.text(model.architecture, "model.architecture");
  const auto voices = w.texts(model.voices, "model.voices");
  const auto language = w.text(model.language, "model.language");
  At<fb::SensorEntry> sensor;
  if (model.sensor) sensor = write_sensor(w, *model.sensor);
  return fb::CreateModelEntry(w.fbb(), name, to_fb(model.kind), alias_of, inputs, outputs, model.context_length,
                              license, architecture, model.generation.value, model.created_unix_seconds, voices,
                              language, model.sample_rate, sensor);
}

At<fb::Member> write_member(Writer& w, const messages::Member& member) {
  const auto& s = member.status;
  const auto& l = member.load;
  const auto id = w.text(s.id, "id");
  const auto model_name = w.text(s.model, "model_name");
  const auto detail = w.text(s.detail, "detail");
  At<fb::ModelEntry> model;
  if (member.model) model = write_model(w, *member.model);
  const auto endpoint = w.text(member.endpoint, "endpoint");
  const auto server_key = w.text(member.server_key, "server_key");
  const auto numerics = w.text(member.numerics, "numerics");
  const auto load = fb::CreateLoad(w.fbb(), l.queue, l.running, l.sequences, l.pages_used, l.pages, l.tokens);
  return fb::CreateMember(w.fbb(), to_fb(s.role), id, to_fb(s.health), model_name, detail, model, member.epoch,
                          endpoint, server_key, numerics, load, member.contact);
}

auto write_members(Writer& w, const std::vector<messages::Member>& members) {
  return w.rows<fb::Member>(members, [&](const messages::Member& member) { return write_member(w, member); });
}

messages::ModelEntry read_model(Reader& r, const fb::ModelEntry& from) {
  messages::ModelEntry out;
  out.name = r.text(from.name(), "model.name");
  out.kind = r.one_of<messages::ModelKind>(from.kind(), "model.kind");
  out.alias_of = r.text(from.alias_of(), "model.alias_of");
  out.input_modalities = r.texts(from.input_modalities(), "model.input_modalities");
  out.output_modalities = r.texts(from.output_modalities(), "model.output_modalities");
  out.context_length = from.context_length();
  out.license = r.text(from.license(), "model.license");
  out.architecture = r.text(from.architecture(), "model.architecture");
  out.generation = Generation{from.generation()};
  out.created_unix_seconds = from.created_unix_seconds();
  out.voices = r.texts(from.voices(), "model.voices");
  out.language = r.text(from.language(), "model.language");
  out.sample_rate = from.sample_rate();
  if (from.sensor() != nullptr) out.sensor = read_sensor(r, *from.sensor());
  return out;
}

messages::Member read_member(Reader& r, const fb::Member& from) {
  messages::Member out;
  out.status.role = r.one_of<messages::Role>(from.role(), "role");
  out.status.id = r.text(from.id(), "id");
  out.status.health = r.one_of<messages::Health>(from.health(), "health");
  out.status.model = r.text(from.model_name(), "model_name");
  out.status.detail = r.text(from.detail(), "detail");
  if (from.model() != nullptr) out.model = read_model(r, *from.model());
  out.epoch = from.epoch();
  out.endpoint = r.text(from.endpoint(), "endpoint");
  out.server_key = r.text(from.server_key(), "server_key");
  out.numerics = r.text(from.numerics(), "numerics");
  if (const auto* l = from.load())
    out.load = {l->queue(), l->running(), l->sequences(), l->pages_used(), l->pages(), l->tokens()};
  out.contact = from.contact();
  return out;
}

std::vector<messages::Member> read_members(Reader& r, const Rows<fb::Member>* from) {
  const auto n = r.count(from, 2 * sizeof(flatbuffers::uoffset_t), "members");
  std::vector<messages::Member> out;
  out.reserve(n);
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i) out.push_back(read_member(r, *from->Get(i)));
  return out;
}

messages::View read_view(Reader& r, const fb::View& from) {
  messages::View out;
  out.epoch = from.epoch();
  out.version = from.version();
  out.members = read_members(r, from.members());
  const auto n = r.count(from.aliases(), 2 * sizeof(flatbuffers::uoffset_t), "aliases");
  for (flatbuffers::uoffset_t i = 0; i < n && r.ok(); ++i) {
    const fb::Alias& alias = *from.aliases()->Get(i);
    auto name = r.text(alias.name(), "aliases");
    if (!out.aliases.emplace(std::move(name), r.text(alias.target(), "aliases")).second)
      r.fail("aliases", "a name occurs twice");
  }
  out.draining = from.draining();
  return out;
}

}  // namespace

wire::Message announcement_to_wire(const messages::Announcement& announcement) {
  Writer w{BadText::repair};
  wire::Message out;
  out.header.kind = wire::Kind::announce;
  const auto members = write_members(w, announcement.members);
  out.body = w.finish(fb::CreateAnnouncement(w.fbb(), members));
  return out;
}

Expected<messages::Announcement> announcement_from_wire(const wire::Message& message) {
  if (auto kind = check_kind(message, wire::Kind::announce); !kind) return tl::make_unexpected(kind.error());
  return read_body<fb::Announcement>(message.body, "announcement", [](const auto& root, Reader& r) {
    return messages::Announcement{read_members(r, root.members())};
  });
}

wire::Message view_to_wire(const messages::View& view) {
  Writer w{BadText::repair};
  wire::Message out;
  out.header.kind = wire::Kind::view;
  const auto members = write_members(w, view.members);
  const auto aliases = w.rows<fb::Alias>(view.aliases, [&](const auto& alias) {
    const auto name = w.text(alias.first, "aliases");
    const auto target = w.text(alias.second, "aliases");
    return fb::CreateAlias(w.fbb(), name, target);
  });
  out.body = w.finish(fb::CreateView(w.fbb(), view.epoch, view.version, members, aliases, view.draining));
  return out;
}

Expected<messages::View> view_from_wire(const wire::Message& message) {
  if (auto kind = check_kind(message, wire::Kind::view); !kind) return tl::make_unexpected(kind.error());
  return read_body<fb::View>(message.body, "view", [](const auto& root, Reader& r) { return read_view(r, root); });
}

}  // namespace zenith::links
