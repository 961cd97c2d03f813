#include "zenith/links/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace zenith::links {

using messages::Health;
using messages::Member;

Registry::Registry(RegistryOptions options) : options_(std::move(options)) {
  view_.epoch = options_.epoch;
  view_.aliases = options_.aliases;
}

Status Registry::announce(std::uint64_t source, messages::Announcement announcement, Instant now) {
  Status result;
  std::erase_if(rows_, [&](const auto& entry) {
    const auto& [id, row] = entry;
    return row.source == source && std::none_of(announcement.members.begin(), announcement.members.end(),
                                                [&id = id](const Member& m) { return m.status.id == id; });
  });
  for (Member& member : announcement.members) {
    const std::string id = member.status.id;
    const auto old = rows_.find(id);
    // One process owns an endpoint: who announces from the same one is its successor.
    if (old != rows_.end() && old->second.contact && old->second.source != source &&
        old->second.member.endpoint != member.endpoint) {
      if (result) {
        result = fail(Errc::invalid_argument,
                      fmt::format("service id '{}' is in use by the process at {}: give this one another id", id,
                                  old->second.member.endpoint.empty() ? "the directory" : old->second.member.endpoint),
                      "service.id");
      }
      continue;
    }
    Row row{std::move(member), source, true, now, old == rows_.end() ? ++order_ : old->second.order};
    judge(row);
    rows_[id] = std::move(row);
  }
  publish();
  return result;
}

// Bits are equal only where weights and arithmetic are: whoever was there first says which.
void Registry::judge(Row& row) const {
  Member& mine = row.member;
  if (!mine.model) return;
  for (const auto& [id, other] : rows_) {
    const Member& theirs = other.member;
    if (id == mine.status.id || !other.contact || !theirs.model || theirs.model->name != mine.model->name ||
        theirs.status.health == Health::failed) {
      continue;
    }
    if (theirs.model->generation != mine.model->generation) {
      mine.status.health = Health::failed;
      mine.status.detail =
          fmt::format("other weights of '{}' than service '{}': generation {:016x}, there {:016x}", mine.model->name,
                      id, mine.model->generation.value, theirs.model->generation.value);
    } else if (theirs.numerics != mine.numerics && !options_.allow_mixed_numerics) {
      mine.status.health = Health::failed;
      mine.status.detail = fmt::format(
          "numerics '{}', service '{}' has '{}': answers would differ (links.allow_mixed_numerics permits it)",
          mine.numerics, id, theirs.numerics);
    }
  }
}

void Registry::lost(std::uint64_t source, const std::string& why, Instant now) {
  bool changed = false;
  for (auto& [id, row] : rows_) {
    if (row.source != source || !row.contact) continue;
    row.contact = row.member.contact = false;
    row.lost_at = now;
    row.member.status.health = Health::failed;
    row.member.status.detail = fmt::format("no contact: {}", why);
    changed = true;
  }
  if (changed) publish();
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
  std::vector<const Row*> in_order;
  for (const auto& [id, row] : rows_) in_order.push_back(&row);
  std::sort(in_order.begin(), in_order.end(), [](const Row* a, const Row* b) { return a->order < b->order; });
  view_.members.clear();
  for (const Row* row : in_order) view_.members.push_back(row->member);
  ++view_.version;
}

}  // namespace zenith::links
