#include "hosted.hpp"

#include "zenith/core/config.hpp"
#include "zenith/media/audio_encoder.hpp"
#include "zenith/media/piper.hpp"
#include "zenith/services/voice/voice_service.hpp"

namespace zenith::mediahost {
namespace {

class PiperSpeaker final : public services::Speaker {
 public:
  explicit PiperSpeaker(std::unique_ptr<media::PiperVoice> voice) : voice_(std::move(voice)) {
    const auto& from = voice_->info();
    info_ = {from.sample_rate, {from.voice}, "en-US", Generation{from.generation}, "piper-vits"};
  }
  const services::SpeakerInfo& info() const noexcept override { return info_; }
  Status speak(const std::string& sentence, const std::string&, float speed,
               const std::function<bool(std::vector<std::int16_t>)>& take) override {
    return voice_->speak(sentence, speed, take);
  }

 private:
  std::unique_ptr<media::PiperVoice> voice_;
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

Expected<services::HostedService> load_piper(const std::filesystem::path& path) {
  return media::PiperVoice::load(path, zenith_home() / "cache" / "graphs").map([](auto voice) {
    return services::hosted_voice(std::make_shared<PiperSpeaker>(std::move(voice)), open_encoder);
  });
}

}  // namespace

Expected<services::HostedService> load_hosted(const services::HostedSpec&, const std::filesystem::path& path) {
  return load_piper(path);
}

}  // namespace zenith::mediahost
