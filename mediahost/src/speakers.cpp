#include "speakers.hpp"

#include "zenith/core/config.hpp"
#include "zenith/media/piper.hpp"

namespace zenith::mediahost {
namespace {

class PiperSpeaker final : public services::Speaker {
 public:
  explicit PiperSpeaker(std::unique_ptr<media::PiperVoice> voice) : voice_(std::move(voice)) {
    const auto& from = voice_->info();
    info_ = {from.sample_rate, {from.voice}, Generation{from.generation}, "piper-vits"};
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

}  // namespace

Expected<std::unique_ptr<services::Speaker>> load_piper(const std::string&, const std::filesystem::path& path) {
  return media::PiperVoice::load(path, zenith_home() / "cache" / "graphs")
      .map([](auto voice) -> std::unique_ptr<services::Speaker> {
        return std::make_unique<PiperSpeaker>(std::move(voice));
      });
}

}  // namespace zenith::mediahost
