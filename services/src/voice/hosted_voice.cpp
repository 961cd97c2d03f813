#include "zenith/services/voice/voice_service.hpp"

namespace zenith::services {

HostedService hosted_voice(std::shared_ptr<Speaker> speaker, EncoderFactory encoders) {
  const SpeakerInfo info = speaker->info();
  HostedService out;
  out.entry.kind = messages::ModelKind::speech;
  out.entry.input_modalities = {"text"};
  out.entry.output_modalities = {"audio"};
  out.entry.architecture = info.architecture;
  out.entry.generation = info.generation;
  out.entry.voices = info.voices;
  out.entry.language = info.language;
  out.entry.sample_rate = info.sample_rate;
  out.make = [speaker = std::move(speaker), encoders = std::move(encoders)](const HostedSetup& setup) {
    return make_voice_service(speaker, encoders, setup);
  };
  return out;
}

}  // namespace zenith::services
