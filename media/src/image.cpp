#include "zenith/media/image.hpp"

#include <fmt/format.h>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <opencv2/core.hpp>
#include <string_view>

#include "image_header.hpp"
#include "image_whole.hpp"

namespace zenith::media {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* at) const {
    Free(&at);
  }
};
using Codec = std::unique_ptr<AVCodecContext, Freed<avcodec_free_context>>;
using Frame = std::unique_ptr<AVFrame, Freed<av_frame_free>>;
using Packet = std::unique_ptr<AVPacket, Freed<av_packet_free>>;

tl::unexpected<Error> damaged(ImageFormat format) {
  return fail(Errc::invalid_argument, fmt::format("image: the {} is cut off or damaged", name_of(format)), "image");
}
tl::unexpected<Error> no_memory() { return fail(Errc::out_of_memory, "image: there is no memory to decode it"); }

/// The only decoders there are for us.
AVCodecID codec_of(ImageFormat format) noexcept {
  switch (format) {
    case ImageFormat::png: return AV_CODEC_ID_PNG;
    case ImageFormat::jpeg: return AV_CODEC_ID_MJPEG;
    case ImageFormat::webp: return AV_CODEC_ID_WEBP;
    case ImageFormat::gif: return AV_CODEC_ID_GIF;
    case ImageFormat::bmp: return AV_CODEC_ID_BMP;
    case ImageFormat::tiff: return AV_CODEC_ID_TIFF;
  }
  return AV_CODEC_ID_NONE;
}

/// The whole file is the decoder's one packet: no demuxer, no protocol.
Expected<Frame> decode(std::span<const std::byte> bytes, const ImageHeader& header, const ImageLimits& limits) {
  const AVCodec* decoder = avcodec_find_decoder(codec_of(header.format));
  if (decoder == nullptr) {
    return fail(Errc::unsupported, fmt::format("image: this build of FFmpeg decodes no {}", name_of(header.format)),
                "image");
  }
  const Codec codec{avcodec_alloc_context3(decoder)};
  const Packet packet{av_packet_alloc()};
  Frame frame{av_frame_alloc()};
  if (!codec || !packet || !frame) return no_memory();
  codec->thread_count = 1;
  codec->max_pixels = static_cast<std::int64_t>(limits.pixels);  // should the header have lied
  codec->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
  if (avcodec_open2(codec.get(), decoder, nullptr) < 0) return no_memory();
  if (av_new_packet(packet.get(), static_cast<int>(bytes.size())) < 0) return no_memory();
  std::memcpy(packet->data, bytes.data(), bytes.size());
  if (avcodec_send_packet(codec.get(), packet.get()) < 0) return damaged(header.format);
  avcodec_send_packet(codec.get(), nullptr);
  if (avcodec_receive_frame(codec.get(), frame.get()) < 0) return damaged(header.format);
  const bool broken = frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0;
  if (broken || frame->width < 1 || frame->height < 1) return damaged(header.format);
  return frame;
}

bool may_be_transparent(const AVFrame& frame) {
  const auto* about = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  return about != nullptr && (about->flags & (AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_PAL)) != 0;
}

Status convert(const AVFrame& frame, AVPixelFormat to, cv::Mat& out) {
  const auto from = static_cast<AVPixelFormat>(frame.format);
  const auto free_scaler = [](SwsContext* at) { sws_freeContext(at); };
  const std::unique_ptr<SwsContext, decltype(free_scaler)> scaler{
      sws_getContext(frame.width, frame.height, from, frame.width, frame.height, to,
                     SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP, nullptr, nullptr,
                     nullptr),
      free_scaler};
  if (!scaler) return fail(Errc::unsupported, "image: its pixel format is not served", "image");
  std::uint8_t* planes[4] = {out.data};
  const int strides[4] = {static_cast<int>(out.step)};
  if (sws_scale(scaler.get(), frame.data, frame.linesize, 0, frame.height, planes, strides) != frame.height) {
    return fail(Errc::internal, "image: its pixels could not be converted", "image");
  }
  return {};
}

/// swscale writes whole blocks: beyond the end of a row, too.
cv::Mat roomy(int height, int width, int type) {
  constexpr int kBlock = 64;
  return cv::Mat(height + 1, (width + 2 * kBlock) / kBlock * kBlock, type)({0, 0, width, height});
}

std::uint8_t over_white(std::uint32_t colour, std::uint32_t alpha) noexcept {
  return static_cast<std::uint8_t>((colour * alpha + 255 * (255 - alpha) + 127) / 255);
}

Expected<cv::Mat> pixels(const AVFrame& frame) {
  cv::Mat bgr = roomy(frame.height, frame.width, CV_8UC3);
  if (!may_be_transparent(frame)) {
    if (auto ok = convert(frame, AV_PIX_FMT_BGR24, bgr); !ok) return tl::make_unexpected(ok.error());
    return bgr;
  }
  cv::Mat bgra = roomy(frame.height, frame.width, CV_8UC4);
  if (auto ok = convert(frame, AV_PIX_FMT_BGRA, bgra); !ok) return tl::make_unexpected(ok.error());
  for (int y = 0; y < bgra.rows; ++y) {
    const auto* from = bgra.ptr<cv::Vec4b>(y);
    auto* to = bgr.ptr<cv::Vec3b>(y);
    for (int x = 0; x < bgra.cols; ++x) {
      for (int c = 0; c < 3; ++c) to[x][c] = over_white(from[x][c], from[x][3]);
    }
  }
  return bgr;
}

/// EXIF's 1 … 8; 1 when it says none.
int orientation_of(const AVFrame& frame) {
  const auto* entry = av_dict_get(frame.metadata, "Orientation", nullptr, 0);
  if (entry == nullptr) return 1;
  std::string_view text{entry->value};
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  int value = 1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value >= 1 && value <= 8 ? value : 1;
}

void turn_upright(cv::Mat& image, int orientation) {
  if (orientation >= 5) cv::transpose(image, image);
  constexpr int kBoth = -1, kUpsideDown = 0, kMirrored = 1;
  switch (orientation) {
    case 2: cv::flip(image, image, kMirrored); break;
    case 3: cv::flip(image, image, kBoth); break;
    case 4: cv::flip(image, image, kUpsideDown); break;
    case 6: cv::flip(image, image, kMirrored); break;
    case 7: cv::flip(image, image, kBoth); break;
    case 8: cv::flip(image, image, kUpsideDown); break;
    default: break;
  }
}

}  // namespace

Expected<Image> decode_image(std::span<const std::byte> bytes, const ImageLimits& limits) {
  if (bytes.size() > limits.bytes) {
    return fail(Errc::payload_too_large,
                fmt::format("image: it has {} bytes, at most {} may be", bytes.size(), limits.bytes), "image");
  }
  const auto header = read_image_header(bytes);
  if (!header) return tl::make_unexpected(header.error());
  if (std::uint64_t{header->width} * header->height > limits.pixels) {
    return fail(Errc::payload_too_large,
                fmt::format("image: {} x {} are {} pixels, at most {} may be", header->width, header->height,
                            std::uint64_t{header->width} * header->height, limits.pixels),
                "image");
  }
  if (!is_whole(bytes, *header)) return damaged(header->format);
  av_log_set_level(AV_LOG_QUIET);
  try {
    auto frame = decode(bytes, *header, limits);
    if (!frame) return tl::make_unexpected(frame.error());
    auto bgr = pixels(**frame);
    if (!bgr) return tl::make_unexpected(bgr.error());
    const int orientation = orientation_of(**frame);
    frame->reset();
    turn_upright(*bgr, orientation);
    Image out{static_cast<std::uint32_t>(bgr->cols), static_cast<std::uint32_t>(bgr->rows), {}};
    out.bgr.resize(std::size_t{out.width} * out.height * 3);
    bgr->copyTo(cv::Mat(bgr->rows, bgr->cols, CV_8UC3, out.bgr.data()));
    return out;
  } catch (const std::exception& e) {  // of OpenCV, or no memory
    return fail(Errc::out_of_memory, std::string{"image: it could not be decoded: "} + e.what(), "image");
  }
}

}  // namespace zenith::media
