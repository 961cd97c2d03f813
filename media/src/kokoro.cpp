// Kokoro-82M (StyleTTS 2): tokens [1, n], a style row chosen by their number, speed -> 24 kHz.
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <openvino/openvino.hpp>

#include "kokoro_files.hpp"
#include "speech.hpp"
#include "zenith/media/phonemes.hpp"
#include "zenith/media/voice.hpp"

namespace zenith::media {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kRate = 24'000;
constexpr std::size_t kLongestPhrase = 480;  // bytes of IPA: fewer tokens than a style has rows
constexpr std::uint64_t kLargestStyles = std::uint64_t{64} << 20;

/// The graph makes up to half a second of silence on both sides; 30 ms of it stay.
std::span<const float> trimmed(std::span<const float> samples) {
  constexpr float kQuiet = 0.01F;
  constexpr std::size_t kPad = kRate * 3 / 100;
  const auto loud = [](float s) { return std::abs(s) > kQuiet; };
  const auto first = std::find_if(samples.begin(), samples.end(), loud);
  if (first == samples.end()) return samples;
  const auto last = std::find_if(samples.rbegin(), samples.rend(), loud).base();
  const auto begin = static_cast<std::size_t>(first - samples.begin());
  const auto end = static_cast<std::size_t>(last - samples.begin());
  const std::size_t from = begin - std::min(begin, kPad);
  return samples.subspan(from, std::min(samples.size(), end + kPad) - from);
}

class Kokoro final : public Voice {
 public:
  Kokoro(const fs::path& onnx, const fs::path& cache, KokoroVocabulary vocabulary,
         std::map<std::string, KokoroStyle> styles, std::unique_ptr<Phonemizer> phonemizer, std::uint64_t hash)
      : vocabulary_(std::move(vocabulary)), styles_(std::move(styles)), phonemizer_(std::move(phonemizer)) {
    ov::Core core;
    ov::AnyMap how{ov::inference_num_threads(1), ov::num_streams(1), ov::hint::enable_cpu_pinning(false),
                   ov::hint::inference_precision(ov::element::f32)};
    if (!cache.empty()) how.insert(ov::cache_dir(cache.string()));
    compiled_ = core.compile_model(onnx.string(), "CPU", how);
    for (const char* name : {"tokens", "style", "speed"}) static_cast<void>(compiled_.input(name));
    request_ = compiled_.create_infer_request();
    info_ = {kRate, {}, "en", "kokoro", hash};
    for (const auto& [name, style] : styles_) info_.voices.push_back(name);
  }

  const VoiceInfo& info() const noexcept override { return info_; }

  Status speak(std::string_view sentence, std::string_view voice, float speed, const TakeSamples& take) override {
    const auto style = styles_.find(std::string{voice});
    if (style == styles_.end()) return fail(Errc::invalid_argument, "voice: is unknown", "voice");
    auto ipa = phonemizer_->ipa(sentence);
    if (!ipa) return tl::make_unexpected(std::move(ipa.error()));
    if (ipa->empty()) return tl::make_unexpected(nothing_to_speak());
    bool wanted = true;
    for (std::string_view rest = *ipa; !rest.empty() && wanted;) {
      const auto tokens = kokoro_tokens(vocabulary_, cut_phrase(rest, kLongestPhrase));
      if (tokens.empty()) continue;
      auto samples = run(tokens, style->second, speed);
      if (!samples) return tl::make_unexpected(std::move(samples.error()));
      wanted = take(std::move(*samples));
    }
    return {};
  }

 private:
  Expected<std::vector<std::int16_t>> run(const std::vector<std::int64_t>& tokens, const KokoroStyle& style,
                                          float speed) {
    try {
      ov::Tensor ids(ov::element::i64, {1, tokens.size() + 2});  // a pad on both sides
      auto* to = ids.data<std::int64_t>();
      *to = 0;
      *std::copy(tokens.begin(), tokens.end(), to + 1) = 0;
      auto row = style[std::min(tokens.size(), style.size()) - 1];
      request_.set_tensor("tokens", ids);
      request_.set_tensor("style", ov::Tensor(ov::element::f32, {1, row.size()}, row.data()));
      request_.set_tensor("speed", ov::Tensor(ov::element::f32, {1}, &speed));
      request_.infer();
      const ov::Tensor output = request_.get_output_tensor();
      return to_s16(trimmed({output.data<const float>(), output.get_size()}));
    } catch (const std::exception& e) {
      return fail(Errc::internal, std::string{"the voice's graph failed: "} + e.what());
    }
  }

  KokoroVocabulary vocabulary_;
  std::map<std::string, KokoroStyle> styles_;
  std::unique_ptr<Phonemizer> phonemizer_;
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
  VoiceInfo info_;
};

template <class T>
tl::unexpected<Error> within(const fs::path& file, const Expected<T>& failed) {
  Error error = failed.error();
  error.message = file.string() + ": " + error.message;
  return tl::make_unexpected(std::move(error));
}

}  // namespace

Expected<std::unique_ptr<Voice>> load_kokoro(const fs::path& onnx, const fs::path& cache) {
  const fs::path vocab_file = onnx.parent_path() / "vocab.json", styles_file = onnx.parent_path() / "voices.npz";
  const auto vocab_text = read_file(vocab_file, kLargestConfig);
  if (!vocab_text) return tl::make_unexpected(vocab_text.error());
  auto vocabulary = read_kokoro_vocabulary(*vocab_text);
  if (!vocabulary) return within(vocab_file, vocabulary);
  const auto styles_bytes = read_file(styles_file, kLargestStyles);
  if (!styles_bytes) return tl::make_unexpected(styles_bytes.error());
  auto styles = read_kokoro_styles(*styles_bytes);
  if (!styles) return within(styles_file, styles);
  std::uint64_t hash =
      XXH3_64bits(vocab_text->data(), vocab_text->size()) ^ XXH3_64bits(styles_bytes->data(), styles_bytes->size());
  {
    const auto graph = read_file(onnx, kLargestGraph);
    if (!graph) return tl::make_unexpected(graph.error());
    hash ^= XXH3_64bits(graph->data(), graph->size());
  }
  auto phonemizer = make_phonemizer();
  if (!phonemizer) return tl::make_unexpected(phonemizer.error());
  try {
    return std::make_unique<Kokoro>(onnx, cache, std::move(*vocabulary), std::move(*styles), std::move(*phonemizer),
                                    hash);
  } catch (const std::exception& e) {
    return fail(Errc::bad_file, "the graph " + onnx.string() + " cannot be run: " + e.what(), "model");
  }
}

}  // namespace zenith::media
