// The directory's knowledge of services in all processes. Announcements in, a view out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "zenith/core/clock.hpp"
#include "zenith/core/error.hpp"
#include "zenith/messages/membership.hpp"

namespace zenith::links {

struct RegistryOptions {
  std::uint64_t epoch = 0;  ///< of this process
  std::map<std::string, std::string> aliases;
  bool allow_mixed_numerics = false;
  Duration forget_after = std::chrono::seconds(60);  ///< a service without contact is listed as failed for so long
  std::size_t members = 64;                          ///< of one process
  std::size_t text_bytes = 4096;                     ///< of one member: names, details, everything
  std::size_t services = 1024;                       ///< of all processes; those without contact make room
};

/// Who announces.
struct Source {
  std::uint64_t link = 0;   ///< 0: this process itself
  std::uint64_t epoch = 0;  ///< of the process at its other end
};

/// Plain; one thread.
class Registry {
 public:
  explicit Registry(RegistryOptions options);
  /// Replaces what the source said before. Refused as a whole: members of another process than the source's, more than
  /// the limits allow. Refused alone: a member whose id or endpoint a process has whose link is up, one beyond
  /// `services`. Listed as failed for as long as it is so: a member with other weights or numerics than a living one of
  /// the same model that was there before it; both are named.
  /// @returns invalid_argument or overloaded naming the first id that was refused.
  Status announce(Source source, messages::Announcement announcement);
  void lost(std::uint64_t link, const std::string& why, Instant now);  ///< its services are listed as failed
  /// A service that will not come back, by its id or by what comes before the id's colon: forgotten at once when its
  /// link is lost, or if it is.
  void withdraw(const std::string& id);
  void drain();
  void forget_old(Instant now);
  const messages::View& view() const noexcept { return view_; }

 private:
  struct Row {
    messages::Member said;  // as announced
    std::uint64_t link = 0;
    std::uint64_t order = 0;  // of the first announcement
    std::uint64_t since = 0;  // in the order in which services began to serve what they serve
    bool contact = true;
    bool withdrawn = false;  // not kept when its contact is lost
    Instant lost_at{};
    std::string lost_why;
    std::string refusal;  // other bits than those of one before it

    bool serves() const { return contact && said.model && said.status.health != messages::Health::failed; }
    messages::Member shown() const;
  };
  Status check(const Source& source, const messages::Announcement& announcement) const;
  Status place(const Source& source, messages::Member member);
  Status owned(const Source& source, const messages::Member& member) const;
  bool make_room();
  void judge();
  void publish();
  RegistryOptions options_;
  std::map<std::string, Row> rows_;  // by service id
  std::uint64_t order_ = 0, since_ = 0;
  messages::View view_;
};

}  // namespace zenith::links
