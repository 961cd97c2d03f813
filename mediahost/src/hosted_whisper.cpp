#include "hosted_whisper.hpp"

#include "zenith/media/whisper.hpp"
#include "zenith/services/voice/transcriber.hpp"

namespace zenith::mediahost {
namespace {

class WhisperTranscriber final : public services::Transcriber {
 public:
  explicit WhisperTranscriber(std::unique_ptr<media::Whisper> whisper)
      : whisper_(std::move(whisper)), info_{Generation{whisper_->info().generation}, whisper_->info().architecture} {}
  const services::TranscriberInfo& info() const noexcept override { return info_; }
  Expected<messages::Transcript> transcribe(const messages::Transcribe& request,
                                            const std::function<bool()>& go_on) override {
    return whisper_->hear(request.audio.bytes(), {request.language, request.prompt, request.temperature}, go_on)
        .map([](media::Heard heard) {
          messages::Transcript out{std::move(heard.language), heard.duration, {}};
          for (auto& s : heard.segments) {
            out.segments.push_back({s.start, s.end, std::move(s.text), std::move(s.tokens),
                                    static_cast<float>(s.avg_logprob), static_cast<float>(s.no_speech_prob),
                                    static_cast<float>(s.compression_ratio), s.temperature});
          }
          return out;
        });
  }

 private:
  std::unique_ptr<media::Whisper> whisper_;
  services::TranscriberInfo info_;
};

}  // namespace

bool is_whisper(const std::filesystem::path& folder) { return std::filesystem::exists(folder / "model.bin"); }

Expected<services::HostedService> load_whisper(const std::filesystem::path& path, const std::filesystem::path& cache) {
  const auto folder = std::filesystem::absolute(path).lexically_normal();
  const auto beside = (folder.has_filename() ? folder : folder.parent_path()).parent_path() / "silero-vad";
  const auto activity = beside / "silero_vad_openvino_16k.onnx";
  if (!std::filesystem::exists(activity)) {
    return fail(Errc::not_found,
                "transcription needs the model 'silero-vad' too, and " + activity.string() +
                    " is not there: zenith pull silero-vad",
                "model");
  }
  return media::Whisper::load(folder, activity, cache).map([](auto whisper) {
    return services::hosted_transcriber(std::make_shared<WhisperTranscriber>(std::move(whisper)));
  });
}

}  // namespace zenith::mediahost
