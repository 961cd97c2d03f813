// How far a long job is: a line that is drawn over itself on a terminal, nothing at all elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace zenith::tools {

/// One thread.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void begin(const std::string& what, std::uint64_t total_bytes) = 0;  ///< total 0 = unknown
  virtual void update(std::uint64_t done_bytes) = 0;
  virtual void end() = 0;  ///< removes the line
};

/// On stderr with percentage, rate and time left: one line that moves on a terminal, else nothing, or a line every few
/// seconds.
enum class OffTerminal : std::uint8_t { silent, lines /* for logs: a download is worth a line now and then */ };
std::unique_ptr<Progress> make_progress(OffTerminal off_terminal = OffTerminal::silent);

/// "12.3 MB", decimal units.
std::string human_bytes(std::uint64_t bytes);

/// One line without its end: "name  45 %  41.2 MB / 92.9 MB  12.3 MB/s  4 s left".
std::string progress_line(const std::string& what, std::uint64_t done, std::uint64_t total,
                          std::chrono::duration<double> elapsed);

}  // namespace zenith::tools
