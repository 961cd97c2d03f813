#include <xxhash.h>

#include "piper_config.hpp"
#include "speech.hpp"
#include "vits.hpp"
#include "zenith/media/phonemes.hpp"
#include "zenith/media/voice.hpp"

namespace zenith::media {
namespace {

constexpr std::size_t kLongestPhrase = 600;  // bytes of IPA; about 20 s

class Piper final : public Voice {
 public:
  Piper(PiperConfig config, std::unique_ptr<Vits> vits, std::unique_ptr<Phonemizer> phonemizer, std::uint64_t hash)
      : config_(std::move(config)), vits_(std::move(vits)), phonemizer_(std::move(phonemizer)) {
    info_ = {config_.sample_rate, {config_.voice}, "en-US", "piper-vits", hash};
  }

  const VoiceInfo& info() const noexcept override { return info_; }

  Status speak(std::string_view sentence, std::string_view, float speed, const TakeSamples& take) override {
    auto ipa = phonemizer_->ipa(sentence);
    if (!ipa) return tl::make_unexpected(std::move(ipa.error()));
    if (ipa->empty()) return tl::make_unexpected(nothing_to_speak());
    const VitsScales scales{config_.noise_scale, config_.length_scale / speed, config_.noise_w};
    bool wanted = true;
    for (std::string_view rest = *ipa; !rest.empty() && wanted;) {
      const auto ids = phoneme_ids(config_, cut_phrase(rest, kLongestPhrase));
      auto ok = vits_->run(ids, scales, [&](std::span<const float> samples) { return wanted = take(to_s16(samples)); });
      if (!ok) return ok;
    }
    return {};
  }

 private:
  PiperConfig config_;
  std::unique_ptr<Vits> vits_;
  std::unique_ptr<Phonemizer> phonemizer_;
  VoiceInfo info_;
};

}  // namespace

Expected<std::unique_ptr<Voice>> load_piper(const std::filesystem::path& onnx, const std::filesystem::path& cache) {
  const std::filesystem::path beside = onnx.string() + ".json";
  auto json = read_file(beside, kLargestConfig);
  if (!json) return tl::make_unexpected(json.error());
  auto config = read_piper_config(*json);
  if (!config) {
    config.error().message = beside.string() + ": " + config.error().message;
    return tl::make_unexpected(config.error());
  }
  auto bytes = read_file(onnx, kLargestGraph);
  if (!bytes) return tl::make_unexpected(bytes.error());
  const std::uint64_t hash = XXH3_64bits(bytes->data(), bytes->size()) ^ XXH3_64bits(json->data(), json->size());
  bytes->clear();
  bytes->shrink_to_fit();
  auto vits = Vits::load(onnx, cache);
  if (!vits) return tl::make_unexpected(vits.error());
  auto phonemizer = make_phonemizer();
  if (!phonemizer) return tl::make_unexpected(phonemizer.error());
  return std::make_unique<Piper>(std::move(*config), std::move(*vits), std::move(*phonemizer), hash);
}

}  // namespace zenith::media
