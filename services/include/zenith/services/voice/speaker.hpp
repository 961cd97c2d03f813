// What makes speech, as the voice service sees it. The media module implements it in the process that links its
// libraries; tests put a scripted one here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "zenith/core/error.hpp"
#include "zenith/core/ids.hpp"

namespace zenith::services {

struct SpeakerInfo {
  std::uint32_t sample_rate = 0;    ///< Hz
  std::vector<std::string> voices;  ///< at least one; the first is the default
  Generation generation;
  std::string architecture;
};

/// One thread at a time.
class Speaker {
 public:
  virtual ~Speaker() = default;
  virtual const SpeakerInfo& info() const noexcept = 0;
  /// Speaks one sentence. `take` gets s16 mono pieces as they are made; once it returns false no more come.
  /// @returns unsupported when nothing of the sentence can be spoken.
  virtual Status speak(const std::string& sentence, const std::string& voice, float speed,
                       const std::function<bool(std::vector<std::int16_t>)>& take) = 0;
};

using SpeakerLoader =
    std::function<Expected<std::unique_ptr<Speaker>>(const std::string& name, const std::filesystem::path& path)>;

}  // namespace zenith::services
