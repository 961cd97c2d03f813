// What turns speech into text, as the voice service sees it. The media module implements it in the process that links
// its libraries; tests put a scripted one here.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "zenith/core/error.hpp"
#include "zenith/core/ids.hpp"
#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"
#include "zenith/services/hosted.hpp"

namespace zenith::services {

struct TranscriberInfo {
  Generation generation;
  std::string architecture;
};

/// One thread at a time.
class Transcriber {
 public:
  virtual ~Transcriber() = default;
  virtual const TranscriberInfo& info() const noexcept = 0;
  /// @param go_on is asked often; false: stop, nobody wants it. @returns cancelled then; invalid_argument naming the
  /// field, "file" for what is wrong with the sound.
  virtual Expected<messages::Transcript> transcribe(const messages::Transcribe& request,
                                                    const std::function<bool()>& go_on) = 0;
};

/// Understands TranscribeCall and Ping; refuses the rest. One request is worked on at a time, the others wait in line;
/// one that nobody waits for any more gives its sound back at once, and stops within a step when it runs.
/// @param transcriber touched by the setup's worker only.
std::unique_ptr<actors::Behaviour> make_transcribe_service(std::shared_ptr<Transcriber> transcriber,
                                                           const HostedSetup& setup);

HostedService hosted_transcriber(std::shared_ptr<Transcriber> transcriber);

}  // namespace zenith::services
