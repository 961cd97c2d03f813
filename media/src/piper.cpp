#include "zenith/media/piper.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "piper_config.hpp"
#include "vits.hpp"
#include "zenith/media/phonemes.hpp"

namespace zenith::media {
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kLargestConfig = 1u << 20;

Expected<std::string> read_all(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  if (!file) return fail(Errc::io, path.string() + " cannot be read", "model");
  return bytes;
}

/// Numbers and letters grow when they are read out: what one run of the graph makes stays bounded all the same.
constexpr std::size_t kLongestPhrase = 600;  // bytes of IPA; about 20 s

/// Takes the next phrase off `rest`, at a space where there is one.
std::string_view cut_phrase(std::string_view& rest) {
  std::size_t end = rest.size();
  if (end > kLongestPhrase) {
    end = rest.rfind(' ', kLongestPhrase);
    if (end == std::string_view::npos || end == 0) end = rest.find(' ');
    if (end == std::string_view::npos) end = rest.size();
  }
  const auto phrase = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + 1));
  return phrase;
}

/// Samples beyond -1 … 1 are clipped, as the recordings were.
std::vector<std::int16_t> to_s16(std::span<const float> samples) {
  std::vector<std::int16_t> out(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const float s = std::isfinite(samples[i]) ? std::min(1.0F, std::max(-1.0F, samples[i])) : 0.0F;
    out[i] = static_cast<std::int16_t>(std::lround(s * 32767.0F));
  }
  return out;
}

class Piper final : public PiperVoice {
 public:
  Piper(PiperConfig config, std::unique_ptr<Vits> vits, std::unique_ptr<Phonemizer> phonemizer, std::uint64_t hash)
      : config_(std::move(config)), vits_(std::move(vits)), phonemizer_(std::move(phonemizer)) {
    info_ = {config_.sample_rate, config_.voice, hash};
  }

  const PiperInfo& info() const noexcept override { return info_; }

  Status speak(std::string_view sentence, float speed, const TakeSamples& take) override {
    auto ipa = phonemizer_->ipa(sentence);
    if (!ipa) return tl::make_unexpected(std::move(ipa.error()));
    if (ipa->empty()) {
      return fail(Errc::unsupported, "input: nothing of it can be spoken in English", "input");
    }
    const VitsScales scales{config_.noise_scale, config_.length_scale / speed, config_.noise_w};
    bool wanted = true;
    for (std::string_view rest = *ipa; !rest.empty() && wanted;) {
      const auto ids = phoneme_ids(config_, cut_phrase(rest));
      auto ok = vits_->run(ids, scales, [&](std::span<const float> samples) { return wanted = take(to_s16(samples)); });
      if (!ok) return ok;
    }
    return {};
  }

 private:
  PiperConfig config_;
  std::unique_ptr<Vits> vits_;
  std::unique_ptr<Phonemizer> phonemizer_;
  PiperInfo info_;
};

}  // namespace

Expected<std::unique_ptr<PiperVoice>> PiperVoice::load(const fs::path& onnx, const fs::path& cache) {
  const fs::path beside = onnx.string() + ".json";
  std::error_code error;
  for (const auto& path : {onnx, beside}) {
    if (!fs::is_regular_file(path, error)) return fail(Errc::not_found, "there is no file " + path.string(), "model");
  }
  if (fs::file_size(beside, error) > kLargestConfig)
    return fail(Errc::bad_file, beside.string() + " is too large", "model");
  auto json = read_all(beside);
  if (!json) return tl::make_unexpected(json.error());
  auto config = read_piper_config(*json);
  if (!config) {
    config.error().message = beside.string() + ": " + config.error().message;
    return tl::make_unexpected(config.error());
  }
  auto bytes = read_all(onnx);
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
