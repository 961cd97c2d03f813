#include "zenith/links/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace zenith::links {

using messages::Health;
using messages::Member;

namespace {

std::size_t text_of(const std::vector<std::string>& list) {
  std::size_t bytes = 0;
  for (const std::string& one : list) bytes += sizeof(std::string) + one.size();
  return bytes;
}

std::size_t text_of(const Member& m) {
  std::size_t bytes = m.status.id.size() + m.status.model.size() + m.status.detail.size() + m.endpoint.size() +
                      m.server_key.size() + m.numerics.size();
  if (m.model) {
    bytes += m.model->name.size() + m.model->alias_of.size() + m.model->license.size() + m.model->architecture.size() +
             text_of(m.model->input_modalities) + text_of(m.model->output_modalities);
  }
  return bytes;
}

bool same_bits(const Member& a, const Member& b) {
  return a.model->name == b.model->name && a.model->generation == b.model->generation && a.numerics == b.numerics;
}

}  // namespace

Registry::Registry(RegistryOptions options) : options_(std::move(options)) {
  view_.epoch = options_.epoch;
  view_.aliases = options_.aliases;
}

Status Registry::announce(Source source, messages::Announcement announcement) {
  if (auto ok = check(source, announcement); !ok) return ok;
  std::erase_if(rows_, [&](const auto& entry) {
    const auto& [id, row] = entry;
    return row.link == source.link && std::none_of(announcement.members.begin(), announcement.members.end(),
                                                   [&id = id](const Member& m) { return m.status.id == id; });
  });
  Status result;
  for (Member& member : announcement.members) {
    if (auto ok = place(source, std::move(member)); !ok && result) result = std::move(ok);
  }
  publish();
  return result;
}

Status Registry::check(const Source& source, const messages::Announcement& announcement) const {
  if (announcement.members.size() > options_.members) {
    return fail(Errc::invalid_argument,
                fmt::format("{} services in one announcement, the limit is {}: serve them from several processes",
                            announcement.members.size(), options_.members),
                "members");
  }
  for (const Member& member : announcement.members) {
    if (const std::size_t bytes = text_of(member); bytes > options_.text_bytes) {
      return fail(Errc::invalid_argument,
                  fmt::format("service '{}' is announced with {} bytes of text, the limit is {}",
                              member.status.id.substr(0, 64), bytes, options_.text_bytes),
                  "members");
    }
    if (member.epoch != source.epoch) {
      return fail(Errc::invalid_argument,
                  fmt::format("service '{}' is announced by another process than its own: its epoch is not that of "
                              "the link's hello",
                              member.status.id),
                  "epoch");
    }
  }
  return {};
}

// A process keeps its ids and its endpoint for as long as its link is up. It may come back on a new link before the old
// one is lost.
Status Registry::owned(const Source& source, const Member& member) const {
  for (const auto& [id, row] : rows_) {
    if (!row.contact || row.link == source.link || (row.link != 0 && row.said.epoch == source.epoch)) continue;
    if (id == member.status.id) {
      return fail(Errc::invalid_argument,
                  fmt::format("service id '{}' is in use by the process at {}: give this one another id, or wait until "
                              "that one is gone",
                              id, row.said.endpoint.empty() ? "the directory" : row.said.endpoint),
                  "service.id");
    }
    if (!member.endpoint.empty() && row.said.endpoint == member.endpoint) {
      return fail(Errc::invalid_argument,
                  fmt::format("endpoint {} of service '{}' is in use by service '{}' of another process: listen "
                              "elsewhere, or wait until that one is gone",
                              member.endpoint, member.status.id, id),
                  "endpoint");
    }
  }
  return {};
}

Status Registry::place(const Source& source, Member member) {
  if (auto ok = owned(source, member); !ok) return ok;
  const std::string id = member.status.id;
  const auto old = rows_.find(id);
  if (old == rows_.end() && rows_.size() >= options_.services && !make_room()) {
    return tl::make_unexpected(
        Error{Errc::overloaded,
              fmt::format("service '{}' finds no place: the directory lists {} services, which is its limit", id,
                          options_.services),
              "members", std::chrono::seconds(1)});
  }
  Row row;
  row.said = std::move(member);
  row.link = source.link;
  row.order = old == rows_.end() ? ++order_ : old->second.order;
  const bool goes_on =
      old != rows_.end() && old->second.serves() && row.serves() && same_bits(old->second.said, row.said);
  row.since = goes_on ? old->second.since : ++since_;
  rows_[id] = std::move(row);
  return {};
}

bool Registry::make_room() {
  auto oldest = rows_.end();
  for (auto it = rows_.begin(); it != rows_.end(); ++it) {
    if (!it->second.contact && (oldest == rows_.end() || it->second.lost_at < oldest->second.lost_at)) oldest = it;
  }
  if (oldest == rows_.end()) return false;
  rows_.erase(oldest);
  return true;
}

// Bits are equal only where weights and arithmetic are: whoever served first says which.
void Registry::judge() {
  std::vector<Row*> rows;
  for (auto& [id, row] : rows_) {
    row.refusal.clear();
    if (row.said.model) rows.push_back(&row);
  }
  std::sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) {
    return std::pair{!a->serves(), a->since} < std::pair{!b->serves(), b->since};
  });
  std::map<std::string_view, const Member*> first;  // of each model
  for (Row* row : rows) {
    const Member& mine = row->said;
    const auto known = first.find(mine.model->name);
    if (known == first.end()) {
      if (row->serves()) first.emplace(mine.model->name, &mine);
      continue;
    }
    const Member& theirs = *known->second;
    if (theirs.model->generation != mine.model->generation) {
      row->refusal =
          fmt::format("other weights of '{}' than service '{}': generation {:016x}, there {:016x}", mine.model->name,
                      theirs.status.id, mine.model->generation.value, theirs.model->generation.value);
    } else if (theirs.numerics != mine.numerics && !options_.allow_mixed_numerics) {
      row->refusal = fmt::format(
          "numerics '{}', service '{}' has '{}': answers would differ (links.allow_mixed_numerics permits it)",
          mine.numerics, theirs.status.id, theirs.numerics);
    }
  }
}

Member Registry::Row::shown() const {
  Member member = said;
  member.contact = contact;
  if (!contact) {
    // Whoever still has a link to it may go on with what has a model here.
    if (said.status.health != Health::ready || !refusal.empty()) member.model.reset();
    member.status.detail = fmt::format("no contact: {}", lost_why);
  } else if (!refusal.empty()) {
    member.status.detail = refusal;
  }
  if (!contact || !refusal.empty()) member.status.health = Health::failed;
  return member;
}

void Registry::lost(std::uint64_t link, const std::string& why, Instant now) {
  bool changed = std::erase_if(rows_, [&](const auto& entry) {
                   return entry.second.link == link && entry.second.contact && entry.second.withdrawn;
                 }) > 0;
  for (auto& [id, row] : rows_) {
    if (row.link != link || !row.contact) continue;
    row.contact = false;
    row.lost_at = now;
    row.lost_why = why.substr(0, 1024);
    changed = true;
  }
  if (changed) publish();
}

void Registry::withdraw(const std::string& id) {
  for (auto& [known, row] : rows_) row.withdrawn |= known == id || known.starts_with(id + ":");
  const auto gone =
      std::erase_if(rows_, [](const auto& entry) { return entry.second.withdrawn && !entry.second.contact; });
  if (gone > 0) publish();
}

void Registry::drain() {
  view_.draining = true;
  publish();
}

void Registry::forget_old(Instant now) {
  const auto gone = std::erase_if(rows_, [&](const auto& entry) {
    return !entry.second.contact && now - entry.second.lost_at >= options_.forget_after;
  });
  if (gone > 0) publish();
}

void Registry::publish() {
  judge();
  std::vector<const Row*> in_order;
  for (const auto& [id, row] : rows_) in_order.push_back(&row);
  std::sort(in_order.begin(), in_order.end(), [](const Row* a, const Row* b) { return a->order < b->order; });
  view_.members.clear();
  for (const Row* row : in_order) view_.members.push_back(row->shown());
  ++view_.version;
}

}  // namespace zenith::links
