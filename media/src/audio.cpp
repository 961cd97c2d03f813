#include "zenith/media/audio.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

#include <fmt/format.h>

#include <cmath>

#include "memory_file.hpp"

namespace zenith::media {
namespace {

constexpr int kMostChannels = 64, kHighestRate = 768000;
constexpr int kFrameSamples = 1 << 22;  // a decoder that wants more in one frame is refused

tl::unexpected<Error> bad(std::string what) { return fail(Errc::invalid_argument, "file: " + std::move(what), "file"); }

struct Free {
  void operator()(AVCodecContext* p) const noexcept { avcodec_free_context(&p); }
  void operator()(AVPacket* p) const noexcept { av_packet_free(&p); }
  void operator()(AVFrame* p) const noexcept { av_frame_free(&p); }
  void operator()(SwrContext* p) const noexcept { swr_free(&p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

/// What the frames of a track look like; a track may change it in the middle.
struct Shape {
  int rate = 0, channels = 0, format = -1;
  bool operator==(const Shape&) const = default;
};

class Reader final : public AudioReader {
 public:
  Reader(std::unique_ptr<MemoryFile> file, std::uint32_t rate, AudioLimits limits, std::size_t bytes)
      : file_(std::move(file)), rate_(static_cast<int>(rate)), limits_(limits), packets_left_(bytes + 4096) {}

  Status start();
  Expected<bool> read(std::vector<float>& samples) override;

 private:
  Expected<bool> next_frame();
  Status resample(std::vector<float>& samples, const AVFrame* frame);
  Expected<bool> finish(std::vector<float>& samples);

  std::unique_ptr<MemoryFile> file_;
  int rate_;
  AudioLimits limits_;
  std::size_t packets_left_;  ///< a file cannot hold more packets than bytes
  int stream_ = -1;
  Owned<AVCodecContext> decoder_;
  Owned<AVPacket> packet_{av_packet_alloc()};
  Owned<AVFrame> frame_{av_frame_alloc()};
  Owned<SwrContext> resampler_;
  Shape shape_;
  std::uint64_t produced_ = 0;
  bool input_over_ = false, over_ = false;
};

Status Reader::start() {
  AVFormatContext* format = file_->format();
  format->max_analyze_duration = 10 * AV_TIME_BASE;
  if (const int found = avformat_find_stream_info(format, nullptr); found < 0) {
    return bad("its tracks cannot be read: " + ffmpeg_reason(found));
  }
  const AVCodec* codec = nullptr;
  stream_ = av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
  if (stream_ == AVERROR_DECODER_NOT_FOUND) return bad("there is no decoder for its audio track");
  if (stream_ < 0)
    return bad(fmt::format("has no audio track ({} has {} other)", format->iformat->name, format->nb_streams));
  for (unsigned i = 0; i < format->nb_streams; ++i) {
    if (static_cast<int>(i) != stream_) format->streams[i]->discard = AVDISCARD_ALL;
  }
  const AVStream* stream = format->streams[stream_];
  if (stream->duration > 0 && format->duration_estimation_method == AVFMT_DURATION_FROM_STREAM) {
    const double claimed = static_cast<double>(stream->duration) * av_q2d(stream->time_base);
    if (claimed > limits_.seconds) {
      return bad(fmt::format("says that it lasts {:.0f} s; at most {:.0f} s are taken", claimed, limits_.seconds));
    }
  }
  decoder_.reset(avcodec_alloc_context3(codec));
  if (!decoder_ || !packet_ || !frame_) return fail(Errc::out_of_memory, "no memory for a decoder");
  decoder_->thread_count = 1;
  decoder_->max_samples = kFrameSamples;
  decoder_->pkt_timebase = stream->time_base;
  int ok = avcodec_parameters_to_context(decoder_.get(), stream->codecpar);
  if (ok >= 0) ok = avcodec_open2(decoder_.get(), codec, nullptr);
  if (ok < 0) return bad(fmt::format("its audio track ({}) cannot be decoded: {}", codec->name, ffmpeg_reason(ok)));
  return {};
}

/// @returns false once the track is over.
Expected<bool> Reader::next_frame() {
  for (;;) {
    const int got = avcodec_receive_frame(decoder_.get(), frame_.get());
    if (got >= 0) return true;
    if (got == AVERROR_EOF) return false;
    if (got != AVERROR(EAGAIN)) {  // a broken packet: the next may be whole
      if (input_over_) return false;
    }
    if (input_over_) {
      if (got == AVERROR(EAGAIN)) return false;
      continue;
    }
    av_packet_unref(packet_.get());
    const int had = av_read_frame(file_->format(), packet_.get());
    if (had < 0 || packets_left_ == 0) {
      input_over_ = true;
      avcodec_send_packet(decoder_.get(), nullptr);
      continue;
    }
    --packets_left_;
    if (packet_->stream_index == stream_) static_cast<void>(avcodec_send_packet(decoder_.get(), packet_.get()));
  }
}

Status Reader::resample(std::vector<float>& samples, const AVFrame* frame) {
  if (frame != nullptr) {
    const Shape shape{frame->sample_rate, frame->ch_layout.nb_channels, frame->format};
    if (shape.rate < 1 || shape.rate > kHighestRate || shape.channels < 1 || shape.channels > kMostChannels) {
      return bad(fmt::format("has {} channels at {} Hz, which is not sound", shape.channels, shape.rate));
    }
    if (!resampler_ || !(shape == shape_)) {
      AVChannelLayout from{}, mono = AV_CHANNEL_LAYOUT_MONO;
      if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
        av_channel_layout_default(&from, shape.channels);
      } else {
        av_channel_layout_copy(&from, &frame->ch_layout);
      }
      SwrContext* made = nullptr;
      int ok = swr_alloc_set_opts2(&made, &mono, AV_SAMPLE_FMT_FLT, rate_, &from,
                                   static_cast<AVSampleFormat>(frame->format), shape.rate, 0, nullptr);
      resampler_.reset(made);
      // As loud as the loudest channel: FFmpeg adds the channels of floats up without it.
      if (ok >= 0) ok = av_opt_set_double(made, "rematrix_maxval", 1.0, 0);
      if (ok >= 0) ok = swr_init(made);
      av_channel_layout_uninit(&from);
      if (ok < 0) return bad("its samples cannot be converted: " + ffmpeg_reason(ok));
      shape_ = shape;
    }
  }
  if (!resampler_) return {};
  const int room = swr_get_out_samples(resampler_.get(), frame == nullptr ? 0 : frame->nb_samples);
  if (room < 0) return bad("its samples cannot be converted: " + ffmpeg_reason(room));
  const std::size_t before = samples.size();
  samples.resize(before + static_cast<std::size_t>(room));
  auto* to = reinterpret_cast<std::uint8_t*>(samples.data() + before);
  const int made = swr_convert(resampler_.get(), &to, room,
                               frame == nullptr ? nullptr : const_cast<const std::uint8_t**>(frame->extended_data),
                               frame == nullptr ? 0 : frame->nb_samples);
  samples.resize(before + static_cast<std::size_t>(std::max(made, 0)));
  if (made < 0) return bad("its samples cannot be converted: " + ffmpeg_reason(made));
  for (std::size_t i = before; i < samples.size(); ++i) {
    if (!std::isfinite(samples[i])) samples[i] = 0;
  }
  produced_ += static_cast<std::uint64_t>(made);
  if (static_cast<double>(produced_) > limits_.seconds * rate_) {
    return bad(fmt::format("is longer than {:.0f} s, the limit", limits_.seconds));
  }
  return {};
}

/// What the resampler still holds. A file that breaks off is heard as far as it goes.
Expected<bool> Reader::finish(std::vector<float>& samples) {
  over_ = true;
  const std::size_t before = samples.size();
  if (auto ok = resample(samples, nullptr); !ok) return tl::make_unexpected(ok.error());
  if (!resampler_) return bad("has no sound in its audio track");
  return samples.size() > before;
}

Expected<bool> Reader::read(std::vector<float>& samples) {
  const std::size_t before = samples.size();
  while (!over_ && samples.size() == before) {
    auto more = next_frame();
    if (!more) return more;
    if (!*more) return finish(samples);
    auto ok = resample(samples, frame_.get());
    av_frame_unref(frame_.get());
    if (!ok) return tl::make_unexpected(ok.error());
  }
  return samples.size() > before;
}

}  // namespace

Expected<std::unique_ptr<AudioReader>> AudioReader::open(std::span<const std::byte> bytes, std::uint32_t rate,
                                                         AudioLimits limits) {
  if (bytes.empty()) return bad("is empty");
  auto file = MemoryFile::open(bytes);
  if (!file) return tl::make_unexpected(file.error());
  auto reader = std::make_unique<Reader>(std::move(*file), rate, limits, bytes.size());
  if (auto ok = reader->start(); !ok) return tl::make_unexpected(ok.error());
  return reader;
}

}  // namespace zenith::media
