#include "hosted.hpp"

#include <unistd.h>

#include "hosted_whisper.hpp"
#include "seer.hpp"
#include "watchdog.hpp"
#include "zenith/core/config.hpp"
#include "zenith/core/log.hpp"
#include "zenith/media/audio_encoder.hpp"
#include "zenith/media/voice.hpp"
#include "zenith/services/vision/vision_service.hpp"
#include "zenith/services/voice/voice_service.hpp"

namespace zenith::mediahost {
namespace {

class MediaSpeaker final : public services::Speaker {
 public:
  explicit MediaSpeaker(std::unique_ptr<media::Voice> voice) : voice_(std::move(voice)) {
    const auto& from = voice_->info();
    info_ = {from.sample_rate, from.voices, from.language, Generation{from.generation}, from.architecture};
  }
  const services::SpeakerInfo& info() const noexcept override { return info_; }
  Status speak(const std::string& sentence, const std::string& voice, float speed,
               const std::function<bool(std::vector<std::int16_t>)>& take) override {
    return voice_->speak(sentence, voice, speed, take);
  }

 private:
  std::unique_ptr<media::Voice> voice_;
  services::SpeakerInfo info_;
};

class FileEncoder final : public services::SpeechEncoder {
 public:
  explicit FileEncoder(std::unique_ptr<media::AudioEncoder> encoder) : encoder_(std::move(encoder)) {}
  Expected<std::vector<std::uint8_t>> take(std::span<const std::int16_t> samples) override {
    return encoder_->take(samples);
  }
  Expected<std::vector<std::uint8_t>> finish() override { return encoder_->finish(); }

 private:
  std::unique_ptr<media::AudioEncoder> encoder_;
};

Expected<media::AudioCodec> codec_of(messages::AudioFormat format) {
  switch (format) {
    case messages::AudioFormat::mp3: return media::AudioCodec::mp3;
    case messages::AudioFormat::opus: return media::AudioCodec::opus;
    case messages::AudioFormat::flac: return media::AudioCodec::flac;
    case messages::AudioFormat::aac: return media::AudioCodec::aac;
    case messages::AudioFormat::samples: break;
  }
  return fail(Errc::invalid_argument, "samples are no file", "response_format");
}

Expected<std::unique_ptr<services::SpeechEncoder>> open_encoder(messages::AudioFormat format, std::uint32_t rate) {
  return codec_of(format)
      .and_then([&](auto codec) { return media::AudioEncoder::open(codec, rate); })
      .map([](auto encoder) -> std::unique_ptr<services::SpeechEncoder> {
        return std::make_unique<FileEncoder>(std::move(encoder));
      });
}

/// Empty, with a line in the log, where nothing can be written: graphs are compiled at each start then.
std::filesystem::path graph_cache() {
  auto folder = zenith_home() / "cache" / "graphs";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && access(folder.c_str(), W_OK) == 0) return folder;
  log(LogLevel::warn, "media", "compiled graphs cannot be kept, which costs seconds at each start",
      {{"folder", folder.string()}});
  return {};
}

}  // namespace

Expected<services::HostedService> load_hosted(const services::HostedSpec& spec, const std::filesystem::path& path,
                                              Share share) {
  give_way(share.nice);  // the threads that graphs start inherit it
  const auto cache = graph_cache();
  if (is_whisper(path)) return load_whisper(path, cache);
  if (spec.role == messages::Role::vision) {
    return load_seer(path, cache, share.threads).map([](auto seer) {
      return services::hosted_vision(std::move(seer));
    });
  }
  const auto beside = [&](const char* name) { return std::filesystem::exists(path.parent_path() / name); };
  Expected<std::unique_ptr<media::Voice>> voice;
  if (std::filesystem::exists(path.string() + ".json")) {
    voice = media::load_piper(path, cache);
  } else if (beside("vocab.json") && beside("voices.npz")) {
    voice = media::load_kokoro(path, cache);
  } else {
    return fail(Errc::unsupported,
                spec.name + ": " + path.string() +
                    " is no voice that can be served: Piper's have a .onnx.json beside the graph, Kokoro's vocab.json "
                    "and voices.npz",
                "service.model");
  }
  return std::move(voice).map([](auto loaded) {
    return services::hosted_voice(std::make_shared<MediaSpeaker>(std::move(loaded)), open_encoder);
  });
}

}  // namespace zenith::mediahost
