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
};

/// Plain; one thread. A `source` is whoever announces: a link, or 0 for this process itself.
class Registry {
 public:
  explicit Registry(RegistryOptions options);
  /// Replaces what the source said before. A member with an id that a living one at another endpoint has is refused;
  /// one with other weights or numerics than a living member of the same model is listed as failed, with both named.
  /// @returns invalid_argument naming the first id that was refused; the others count.
  Status announce(std::uint64_t source, messages::Announcement announcement, Instant now);
  void lost(std::uint64_t source, const std::string& why, Instant now);  ///< its services are listed as failed
  void drain();
  void forget_old(Instant now);
  const messages::View& view() const noexcept { return view_; }

 private:
  struct Row {
    messages::Member member;
    std::uint64_t source = 0;
    bool contact = true;
    Instant lost_at{};
    std::uint64_t order = 0;
  };
  void judge(Row& row) const;
  void publish();
  RegistryOptions options_;
  std::map<std::string, Row> rows_;  // by service id
  std::uint64_t order_ = 0;
  messages::View view_;
};

}  // namespace zenith::links
