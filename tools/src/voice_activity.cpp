#include "voice_activity.hpp"

#include "zenith/models/voice/silero_vad.hpp"

namespace zenith::tools {
namespace {

static_assert(gateway::VoiceActivity::kFrame == models::SileroVad::kFrame);

class Silero final : public gateway::VoiceActivity {
 public:
  explicit Silero(std::shared_ptr<const models::SileroWeights> weights) : vad_(std::move(weights)) {}
  float probability(std::span<const float, kFrame> samples) noexcept override { return vad_.probability(samples); }
  void reset() noexcept override { vad_.reset(); }

 private:
  models::SileroVad vad_;
};

}  // namespace

Expected<gateway::MakeVoiceActivity> find_voice_activity(const std::filesystem::path& models_dir) {
  const auto file = models_dir / "silero-vad" / "silero_vad_16k.safetensors";
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return gateway::MakeVoiceActivity{};
  auto weights = models::load_silero_vad(file);
  if (!weights) {
    weights.error().message = file.string() + ": " + weights.error().message;
    return tl::make_unexpected(std::move(weights.error()));
  }
  return gateway::MakeVoiceActivity{[weights = std::move(*weights)] { return std::make_unique<Silero>(weights); }};
}

}  // namespace zenith::tools
