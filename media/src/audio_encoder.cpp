#include "zenith/media/audio_encoder.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

#include <algorithm>
#include <array>
#include <string>

namespace zenith::media {
namespace {

struct Row {
  AudioCodec codec;
  const char *encoder, *muxer;
  AVSampleFormat format;
  int sample_rate;  ///< 0: as it comes
  std::int64_t bit_rate;
};

constexpr std::array<Row, 4> kRows{{{AudioCodec::mp3, "libmp3lame", "mp3", AV_SAMPLE_FMT_S16P, 0, 64000},
                                    {AudioCodec::opus, "libopus", "ogg", AV_SAMPLE_FMT_S16, 48000, 32000},
                                    {AudioCodec::flac, "flac", "flac", AV_SAMPLE_FMT_S16, 0, 0},
                                    {AudioCodec::aac, "aac", "adts", AV_SAMPLE_FMT_FLTP, 0, 64000}}};
constexpr int kOutputBuffer = 16384;  // of the muxer, in bytes
constexpr int kFrame = 4096;          // samples, where a codec takes any number

struct FreeCodec {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
};
struct FreeFrame {
  void operator()(AVFrame* p) const { av_frame_free(&p); }
};
struct FreePacket {
  void operator()(AVPacket* p) const { av_packet_free(&p); }
};
struct FreeSwr {
  void operator()(SwrContext* p) const { swr_free(&p); }
};
struct FreeFifo {
  void operator()(AVAudioFifo* p) const { av_audio_fifo_free(p); }
};
struct FreeMuxer {
  void operator()(AVFormatContext* p) const {
    if (p->pb != nullptr) {
      av_freep(&p->pb->buffer);
      avio_context_free(&p->pb);
    }
    avformat_free_context(p);
  }
};

tl::unexpected<Error> failed(const char* what, int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  return fail(Errc::internal, std::string{"the audio could not be encoded: "} + what + ": " + text.data());
}

class FfmpegEncoder final : public AudioEncoder {
 public:
  Status begin(const Row& row, std::uint32_t sample_rate) {
    const AVCodec* codec = avcodec_find_encoder_by_name(row.encoder);
    if (codec == nullptr) {
      return fail(Errc::unsupported, std::string{"this build of FFmpeg has no encoder "} + row.encoder,
                  "response_format");
    }
    context_.reset(avcodec_alloc_context3(codec));
    context_->sample_fmt = row.format;
    context_->sample_rate = row.sample_rate != 0 ? row.sample_rate : static_cast<int>(sample_rate);
    context_->bit_rate = row.bit_rate;
    context_->time_base = {1, context_->sample_rate};
    context_->thread_count = 1;
    av_channel_layout_default(&context_->ch_layout, 1);

    AVFormatContext* muxer = nullptr;
    if (const int rc = avformat_alloc_output_context2(&muxer, nullptr, row.muxer, nullptr); rc < 0)
      return failed("no muxer", rc);
    muxer_.reset(muxer);
    if ((muxer->oformat->flags & AVFMT_GLOBALHEADER) != 0) context_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (const int rc = avcodec_open2(context_.get(), codec, nullptr); rc < 0) return failed(row.encoder, rc);
    auto* buffer = static_cast<unsigned char*>(av_malloc(kOutputBuffer));
    muxer->pb = avio_alloc_context(buffer, kOutputBuffer, 1, this, nullptr, &FfmpegEncoder::written, nullptr);
    muxer->flags |= AVFMT_FLAG_FLUSH_PACKETS;
    AVStream* stream = avformat_new_stream(muxer, nullptr);
    stream->time_base = context_->time_base;
    avcodec_parameters_from_context(stream->codecpar, context_.get());
    AVDictionary* options = nullptr;
    av_dict_set(&options, "write_xing", "0", 0);  // its place is at the front, its contents at the end
    av_dict_set(&options, "id3v2_version", "0", 0);
    av_dict_set(&options, "page_duration", "200000", 0);  // of Ogg, in microseconds
    const int headed = avformat_write_header(muxer, &options);
    av_dict_free(&options);
    if (headed < 0) return failed("header", headed);

    SwrContext* swr = nullptr;
    if (const int rc =
            swr_alloc_set_opts2(&swr, &context_->ch_layout, row.format, context_->sample_rate, &context_->ch_layout,
                                AV_SAMPLE_FMT_S16, static_cast<int>(sample_rate), 0, nullptr);
        rc < 0)
      return failed("resampler", rc);
    swr_.reset(swr);
    if (const int rc = swr_init(swr); rc < 0) return failed("resampler", rc);
    fifo_.reset(av_audio_fifo_alloc(row.format, 1, kFrame));
    packet_.reset(av_packet_alloc());
    return {};
  }

  Expected<std::vector<std::uint8_t>> take(std::span<const std::int16_t> samples) override {
    if (samples.empty()) return std::vector<std::uint8_t>{};
    if (auto ok = convert(samples); !ok) return tl::make_unexpected(ok.error());
    if (auto ok = encode(false); !ok) return tl::make_unexpected(ok.error());
    return std::exchange(out_, {});
  }

  Expected<std::vector<std::uint8_t>> finish() override {
    if (auto ok = convert({}); !ok) return tl::make_unexpected(ok.error());
    if (auto ok = encode(true); !ok) return tl::make_unexpected(ok.error());
    if (auto ok = send(nullptr); !ok) return tl::make_unexpected(ok.error());
    if (const int rc = av_write_trailer(muxer_.get()); rc < 0) return failed("trailer", rc);
    avio_flush(muxer_->pb);
    return std::exchange(out_, {});
  }

 private:
  static int written(void* self, std::uint8_t* data, int n) {
    auto& out = static_cast<FfmpegEncoder*>(self)->out_;
    out.insert(out.end(), data, data + n);
    return n;
  }

  std::unique_ptr<AVFrame, FreeFrame> frame(int samples) const {
    std::unique_ptr<AVFrame, FreeFrame> out{av_frame_alloc()};
    out->nb_samples = samples;
    out->format = context_->sample_fmt;
    out->sample_rate = context_->sample_rate;
    av_channel_layout_copy(&out->ch_layout, &context_->ch_layout);
    av_frame_get_buffer(out.get(), 0);
    return out;
  }

  /// Into the queue; no samples: what the resampler still holds.
  Status convert(std::span<const std::int16_t> samples) {
    const int room = std::max(swr_get_out_samples(swr_.get(), static_cast<int>(samples.size())), 1);
    const auto made = frame(room);
    const auto* in = reinterpret_cast<const std::uint8_t*>(samples.data());
    const int n =
        swr_convert(swr_.get(), made->data, room, samples.empty() ? nullptr : &in, static_cast<int>(samples.size()));
    if (n < 0) return failed("resampling", n);
    if (n > 0 && av_audio_fifo_write(fifo_.get(), reinterpret_cast<void**>(made->data), n) < n)
      return failed("queue", AVERROR(ENOMEM));
    return {};
  }

  Status encode(bool rest) {
    const bool any_size = (context_->codec->capabilities & AV_CODEC_CAP_VARIABLE_FRAME_SIZE) != 0;
    const int size = any_size || context_->frame_size <= 0 ? kFrame : context_->frame_size;
    for (;;) {
      const int waiting = av_audio_fifo_size(fifo_.get());
      if (waiting < size && (!rest || waiting == 0)) return {};
      const auto next = frame(std::min(waiting, size));
      av_audio_fifo_read(fifo_.get(), reinterpret_cast<void**>(next->data), next->nb_samples);
      next->pts = at_;
      at_ += next->nb_samples;
      if (auto ok = send(next.get()); !ok) return ok;
    }
  }

  /// @param next null: the end.
  Status send(const AVFrame* next) {
    if (const int rc = avcodec_send_frame(context_.get(), next); rc < 0) return failed("encoder", rc);
    for (;;) {
      const int rc = avcodec_receive_packet(context_.get(), packet_.get());
      if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) return {};
      if (rc < 0) return failed("encoder", rc);
      av_packet_rescale_ts(packet_.get(), context_->time_base, muxer_->streams[0]->time_base);
      packet_->stream_index = 0;
      const int muxed = av_write_frame(muxer_.get(), packet_.get());
      av_packet_unref(packet_.get());
      if (muxed < 0) return failed("muxer", muxed);
    }
  }

  std::vector<std::uint8_t> out_;
  std::unique_ptr<AVCodecContext, FreeCodec> context_;
  std::unique_ptr<AVFormatContext, FreeMuxer> muxer_;
  std::unique_ptr<SwrContext, FreeSwr> swr_;
  std::unique_ptr<AVAudioFifo, FreeFifo> fifo_;
  std::unique_ptr<AVPacket, FreePacket> packet_;
  std::int64_t at_ = 0;  ///< samples encoded
};

}  // namespace

Expected<std::unique_ptr<AudioEncoder>> AudioEncoder::open(AudioCodec codec, std::uint32_t sample_rate) {
  const auto* const row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.codec == codec; });
  auto encoder = std::make_unique<FfmpegEncoder>();
  if (auto ok = encoder->begin(*row, sample_rate); !ok) return tl::make_unexpected(ok.error());
  return encoder;
}

}  // namespace zenith::media
