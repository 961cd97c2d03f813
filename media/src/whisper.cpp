#include "zenith/media/whisper.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>

#include "chunks.hpp"
#include "mel.hpp"
#include "whisper_decode.hpp"
#include "whisper_languages.hpp"
#include "whisper_net.hpp"
#include "whisper_rules.hpp"
#include "zenith/core/utf8.hpp"
#include "zenith/media/voice_activity.hpp"

namespace zenith::media {
namespace {

constexpr std::size_t kLongestPrompt = 4096;          // bytes
constexpr std::size_t kShortestRest = kMelRate / 10;  // samples that are worth another window
constexpr std::size_t kUsualTurn = kMelRate * 3;      // samples
constexpr std::size_t kFewestRest = 5;                // windows of speech in them

class WhisperModel final : public Whisper {
 public:
  WhisperModel(std::unique_ptr<WhisperNet> net, WhisperVocabulary vocabulary,
               std::unique_ptr<VoiceActivityModel> activity, std::uint64_t hash)
      : net_(std::move(net)),
        vocabulary_(std::move(vocabulary)),
        activity_(std::move(activity)),
        info_{hash, "whisper"} {}

  const WhisperInfo& info() const noexcept override { return info_; }
  Expected<Heard> hear(std::span<const std::byte> file, const HearOptions& options,
                       const std::function<bool()>& go_on) override;

 private:
  Expected<DecodeOptions> read(const HearOptions& options) const;
  Status name_language(DecodeOptions& options, Heard& heard);
  Expected<Decoded> hear_window(std::span<const float> samples, DecodeOptions& options, const GoOn& go_on,
                                Heard& heard);
  Status hear_chunk(const Chunk& chunk, DecodeOptions& options, const GoOn& go_on, Heard& heard);
  void add(const std::vector<Spoken>& pieces, const Decoded& decoded, double offset, Heard& heard) const;

  std::unique_ptr<WhisperNet> net_;
  WhisperVocabulary vocabulary_;
  std::unique_ptr<VoiceActivityModel> activity_;
  WhisperInfo info_;
};

tl::unexpected<Error> stopped() { return fail(Errc::cancelled, "the transcription was stopped"); }

Expected<DecodeOptions> WhisperModel::read(const HearOptions& options) const {
  DecodeOptions out;
  if (!options.language.empty()) {
    const auto& known = vocabulary_.specials().languages;
    const auto at = known.find(language_code(options.language));
    if (at == known.end()) {
      return fail(Errc::invalid_argument,
                  fmt::format("language: '{}' is none that the model knows; ISO 639-1 codes such as en are",
                              utf8_lossy(options.language.substr(0, 40))),
                  "language");
    }
    out.language = at->second;
  }
  if (options.prompt.size() > kLongestPrompt || !utf8_valid(options.prompt)) {
    return fail(Errc::invalid_argument, fmt::format("prompt: must be UTF-8 of at most {} bytes", kLongestPrompt),
                "prompt");
  }
  const auto first = options.prompt.find_first_not_of(" \t\r\n"), last = options.prompt.find_last_not_of(" \t\r\n");
  if (first != std::string::npos) {
    std::string prompt{' '};
    out.prompt = vocabulary_.encode(prompt.append(options.prompt, first, last - first + 1));
  }
  if (!(options.temperature >= 0 && options.temperature <= 1)) {
    return fail(Errc::invalid_argument, "temperature: must be from 0 to 1", "temperature");
  }
  out.temperature = options.temperature;
  return out;
}

Expected<Heard> WhisperModel::hear(std::span<const std::byte> file, const HearOptions& options,
                                   const std::function<bool()>& go_on) {
  auto decode = read(options);
  if (!decode) return tl::make_unexpected(decode.error());
  auto reader = AudioReader::open(file, kMelRate, options.limits);
  if (!reader) return tl::make_unexpected(reader.error());
  const auto activity = activity_->stream();
  Chunker chunker;
  Heard heard;
  std::vector<float> samples;
  std::size_t at = 0;  // of what is not looked at yet
  std::uint64_t total = 0;
  std::array<float, kActivityWindow> window;
  const auto look = [&](std::size_t count) -> Status {
    std::fill(std::copy_n(samples.begin() + static_cast<std::ptrdiff_t>(at), count, window.begin()), window.end(),
              0.0F);
    at += count;
    const auto speech = activity->next(window);
    if (!speech) return tl::make_unexpected(speech.error());
    const auto chunk = chunker.push({window.data(), count}, *speech);
    return chunk ? hear_chunk(*chunk, *decode, go_on, heard) : Status{};
  };
  for (;;) {
    if (!go_on()) return stopped();
    samples.erase(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(at));
    at = 0;
    const std::size_t before = samples.size();
    const auto more = (*reader)->read(samples);
    if (!more) return tl::make_unexpected(more.error());
    total += samples.size() - before;
    while (samples.size() - at >= kActivityWindow) {
      if (auto ok = look(kActivityWindow); !ok) return tl::make_unexpected(ok.error());
    }
    if (!*more) break;
  }
  if (at < samples.size()) {
    if (auto ok = look(samples.size() - at); !ok) return tl::make_unexpected(ok.error());
  }
  if (const auto chunk = chunker.finish()) {
    if (auto ok = hear_chunk(*chunk, *decode, go_on, heard); !ok) return tl::make_unexpected(ok.error());
  }
  heard.duration = static_cast<double>(total) / kMelRate;
  if (heard.language.empty() && !options.language.empty())
    heard.language = language_name(language_code(options.language));
  return heard;
}

Status WhisperModel::name_language(DecodeOptions& options, Heard& heard) {
  if (!heard.language.empty()) return {};
  if (options.language < 0) {
    const auto language = detect_language(*net_, vocabulary_);
    if (!language) return tl::make_unexpected(language.error());
    options.language = vocabulary_.specials().languages.at(language->code);
  }
  for (const auto& [code, token] : vocabulary_.specials().languages) {
    if (token == options.language) heard.language = language_name(code);
  }
  return {};
}

Expected<Decoded> WhisperModel::hear_window(std::span<const float> samples, DecodeOptions& options, const GoOn& go_on,
                                            Heard& heard) {
  const auto read = [&](WhisperWindow window) -> Status {
    if (!go_on()) return stopped();
    const auto mel = log_mel(samples, window.frames());
    if (auto ok = net_->encode(mel, std::move(window)); !ok) return ok;
    if (!go_on()) return stopped();
    return name_language(options, heard);
  };
  if (auto window = window_of(samples.size()); !window.whole()) {
    const TokenId language = options.language;
    const bool named = !heard.language.empty();
    if (auto ok = read(std::move(window)); !ok) return tl::make_unexpected(ok.error());
    const double seconds = static_cast<double>(samples.size()) / kMelRate;
    auto quick = decode_short(*net_, vocabulary_, options, seconds, go_on);
    if (!quick) return tl::make_unexpected(quick.error());
    if (*quick) return std::move(**quick);
    options.language = language;
    if (!named) heard.language.clear();
  }
  if (auto ok = read(whole_window()); !ok) return tl::make_unexpected(ok.error());
  return decode_window(*net_, vocabulary_, options, go_on);
}

Status WhisperModel::hear_chunk(const Chunk& chunk, DecodeOptions& options, const GoOn& go_on, Heard& heard) {
  for (std::size_t at = 0; chunk.samples.size() - at > kShortestRest;) {
    const auto rest = std::span{chunk.samples}.subspan(at);
    const auto decoded = hear_window(rest, options, go_on, heard);
    if (!decoded) return tl::make_unexpected(decoded.error());
    if (decoded->silent) return {};
    const double seconds = static_cast<double>(rest.size()) / kMelRate;
    double next = seconds;
    add(cut_at_timestamps(vocabulary_, decoded->tokens, seconds, next), *decoded,
        static_cast<double>(chunk.start + at) / kMelRate, heard);
    const auto forward = static_cast<std::size_t>(next * kMelRate);
    if (forward < kShortestRest || chunk.spoken_windows(at + forward) < kFewestRest) return {};
    at += forward;
  }
  return {};
}

void WhisperModel::add(const std::vector<Spoken>& pieces, const Decoded& decoded, double offset, Heard& heard) const {
  for (const auto& piece : pieces) {
    std::string text = vocabulary_.text(piece.tokens);
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) continue;
    heard.segments.push_back({offset + piece.start, offset + piece.end, std::move(text), piece.tokens,
                              decoded.avg_logprob, decoded.no_speech_prob, decoded.compression_ratio,
                              decoded.temperature});
  }
}

}  // namespace

Expected<std::unique_ptr<Whisper>> Whisper::load(const std::filesystem::path& folder,
                                                 const std::filesystem::path& activity,
                                                 const std::filesystem::path& cache) {
  auto vocabulary = WhisperVocabulary::load(folder);
  if (!vocabulary) return tl::make_unexpected(vocabulary.error());
  auto voice = VoiceActivityModel::load(activity, cache);
  if (!voice) return tl::make_unexpected(voice.error());
  auto weights = Ct2Model::read(folder / "model.bin");
  if (!weights) return tl::make_unexpected(weights.error());
  auto net = WhisperNet::load(*weights, cache);
  if (!net) return tl::make_unexpected(net.error());
  if ((*net)->vocabulary() != vocabulary->size()) {
    return fail(Errc::bad_file,
                fmt::format("whisper's vocabulary.txt has {} lines, model.bin {} tokens", vocabulary->size(),
                            (*net)->vocabulary()),
                "model");
  }
  // What OpenVINO prepares at the first run of a size is not for the first who speaks to wait for.
  auto window = window_of(kUsualTurn);
  const auto nothing = log_mel({}, window.frames());
  if (auto ok = (*net)->encode(nothing, std::move(window)); !ok) return tl::make_unexpected(ok.error());
  if (const auto language = detect_language(**net, *vocabulary); !language)
    return tl::make_unexpected(language.error());
  return std::make_unique<WhisperModel>(std::move(*net), std::move(*vocabulary), std::move(*voice), weights->hash());
}

}  // namespace zenith::media
