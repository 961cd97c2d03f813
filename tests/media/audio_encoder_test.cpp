// Every format is what it says: FFmpeg reads it back with as much sound as was given.
#include "zenith/media/audio_encoder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numbers>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace zenith::media {
namespace {

constexpr int kRate = 22'050;

std::vector<std::int16_t> tone(std::size_t samples) {
  std::vector<std::int16_t> out(samples);
  for (std::size_t i = 0; i < samples; ++i) {
    out[i] = static_cast<std::int16_t>(12'000 * std::sin(2 * std::numbers::pi * 440 * static_cast<double>(i) / kRate));
  }
  return out;
}

struct Source {
  const std::vector<std::uint8_t>* bytes;
  std::size_t at = 0;
};
int read(void* opaque, std::uint8_t* out, int n) {
  auto& s = *static_cast<Source*>(opaque);
  const std::size_t take = std::min<std::size_t>(static_cast<std::size_t>(n), s.bytes->size() - s.at);
  if (take == 0) return AVERROR_EOF;
  std::memcpy(out, s.bytes->data() + s.at, take);
  s.at += take;
  return static_cast<int>(take);
}

struct Decoded {
  std::string codec, container;
  double seconds = 0;
};

Decoded decode(const std::vector<std::uint8_t>& file) {
  Source source{&file};
  AVFormatContext* format = avformat_alloc_context();
  format->pb =
      avio_alloc_context(static_cast<unsigned char*>(av_malloc(4096)), 4096, 0, &source, read, nullptr, nullptr);
  AVIOContext* io = format->pb;
  Decoded out;
  if (avformat_open_input(&format, nullptr, nullptr, nullptr) < 0) return out;
  avformat_find_stream_info(format, nullptr);
  const AVCodecParameters* parameters = format->streams[0]->codecpar;
  const AVCodec* codec = avcodec_find_decoder(parameters->codec_id);
  AVCodecContext* context = avcodec_alloc_context3(codec);
  avcodec_parameters_to_context(context, parameters);
  avcodec_open2(context, codec, nullptr);
  AVPacket* packet = av_packet_alloc();
  AVFrame* frame = av_frame_alloc();
  const auto drain = [&] {
    while (avcodec_receive_frame(context, frame) == 0)
      out.seconds += static_cast<double>(frame->nb_samples) / frame->sample_rate;
  };
  while (av_read_frame(format, packet) == 0) {
    avcodec_send_packet(context, packet);
    av_packet_unref(packet);
    drain();
  }
  avcodec_send_packet(context, nullptr);
  drain();
  out.codec = avcodec_get_name(parameters->codec_id);
  out.container = format->iformat->name;
  av_frame_free(&frame);
  av_packet_free(&packet);
  avcodec_free_context(&context);
  avformat_close_input(&format);
  av_freep(&io->buffer);
  avio_context_free(&io);
  return out;
}

struct Case {
  const char* name;
  AudioCodec codec;
  const char *reads_as, *container;
};
class Encodes : public testing::TestWithParam<Case> {};
TEST_P(Encodes, a_second_and_a_half_in_uneven_pieces) {
  auto encoder = AudioEncoder::open(GetParam().codec, kRate);
  ASSERT_TRUE(encoder) << encoder.error().message;
  const auto samples = tone(kRate * 3 / 2);
  std::vector<std::uint8_t> file;
  std::size_t before_the_end = 0;
  for (std::size_t at = 0, n = 1; at < samples.size(); at += n, n = n * 3 % 4999 + 1) {
    const auto part = std::span{samples}.subspan(at, std::min(n, samples.size() - at));
    const auto bytes = (*encoder)->take(part);
    ASSERT_TRUE(bytes) << bytes.error().message;
    file.insert(file.end(), bytes->begin(), bytes->end());
  }
  before_the_end = file.size();
  const auto rest = (*encoder)->finish();
  ASSERT_TRUE(rest) << rest.error().message;
  file.insert(file.end(), rest->begin(), rest->end());
  EXPECT_GT(before_the_end, file.size() / 2) << "it streams";
  const Decoded back = decode(file);
  EXPECT_EQ(back.codec, GetParam().reads_as);
  EXPECT_EQ(back.container, GetParam().container);
  EXPECT_NEAR(back.seconds, 1.5, 0.11) << "codecs pad to whole frames";
}
INSTANTIATE_TEST_SUITE_P(media, Encodes,
                         testing::Values(Case{"mp3", AudioCodec::mp3, "mp3", "mp3"},
                                         Case{"opus", AudioCodec::opus, "opus", "ogg"},
                                         Case{"flac", AudioCodec::flac, "flac", "flac"},
                                         Case{"aac", AudioCodec::aac, "aac", "aac"}),
                         [](const auto& i) { return std::string{i.param.name}; });

TEST(audio_encoder, nothing_in_is_nothing_out) {
  auto encoder = AudioEncoder::open(AudioCodec::mp3, kRate);
  ASSERT_TRUE(encoder);
  EXPECT_TRUE((*encoder)->take({})->empty());
}

}  // namespace
}  // namespace zenith::media
