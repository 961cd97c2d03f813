#include "source.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IO_BYTES = 1 << 16, MOST_PIXELS = 1 << 25 /* 8K: a file that says more is refused before it is decoded */ };

struct camera_source {
  int fd, stream, width, flushed;
  int64_t first_pts, last_ns;
  AVIOContext* io;
  AVFormatContext* format;
  AVCodecContext* decoder;
  AVPacket* packet;
  AVFrame* frame;
  struct SwsContext* scaler;
  uint8_t *scaled, *pixels; /* swscale writes whole blocks: beyond the end of a row, too */
  size_t room;
};

static const char* reason(int code) {
  static char text[AV_ERROR_MAX_STRING_SIZE];
  return av_strerror(code, text, sizeof text) == 0 ? text : "an error without a name";
}

static int say(char err[256], const char* path, const char* what) {
  snprintf(err, 256, "%.120s: %s", path, what);
  return 0;
}

static int read_file(void* self, uint8_t* to, int size) {
  const ssize_t n = read(((camera_source*)self)->fd, to, (size_t)size);
  return n > 0 ? (int)n : n == 0 ? AVERROR_EOF : AVERROR(errno);
}

static int64_t seek_file(void* self, int64_t offset, int whence) {
  const int fd = ((camera_source*)self)->fd;
  struct stat is;
  if ((whence & AVSEEK_SIZE) != 0) return fstat(fd, &is) == 0 ? is.st_size : AVERROR(errno);
  const off_t at = lseek(fd, offset, whence & ~AVSEEK_FORCE);
  return at < 0 ? AVERROR(errno) : at;
}

/* A playlist is a file, too: what it names is not opened, neither by us nor by a demuxer within. */
static int refuse_more(AVFormatContext* format, AVIOContext** io, const char* url, int flags, AVDictionary** options) {
  (void)format, (void)io, (void)url, (void)flags, (void)options;
  return AVERROR(EACCES);
}

/* It decodes a little: with our limit on pixels. */
static int look_into(AVFormatContext* format) {
  const unsigned n = format->nb_streams; /* more may come meanwhile */
  AVDictionary** limits = av_calloc(n == 0 ? 1 : n, sizeof *limits);
  if (limits == NULL) return AVERROR(ENOMEM);
  for (unsigned i = 0; i < n; ++i) av_dict_set_int(&limits[i], "max_pixels", MOST_PIXELS, 0);
  const int wrong = avformat_find_stream_info(format, limits);
  for (unsigned i = 0; i < n; ++i) av_dict_free(&limits[i]);
  av_free(limits);
  return wrong;
}

static int open_file(camera_source* s, const char* path, char err[256]) {
  struct stat is;
  s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (s->fd < 0 || fstat(s->fd, &is) != 0) return say(err, path, strerror(errno));
  if (!S_ISREG(is.st_mode)) return say(err, path, "is neither a file nor a V4L2 device");
  uint8_t* buffer = av_malloc(IO_BYTES);
  s->io = buffer == NULL ? NULL : avio_alloc_context(buffer, IO_BYTES, 0, s, read_file, NULL, seek_file);
  if (s->io == NULL) return av_free(buffer), say(err, path, "no memory");
  s->format->pb = s->io;
  s->format->io_open = refuse_more;
  s->format->protocol_whitelist = av_strdup("none");
  s->format->max_analyze_duration = 5 * AV_TIME_BASE;
  int wrong = avformat_open_input(&s->format, "", NULL, NULL);
  if (wrong >= 0) wrong = look_into(s->format);
  return wrong >= 0 || say(err, path, reason(wrong));
}

/* FFmpeg's library of devices brings 200 others (windows, sound): it is loaded for a device, not for a file. Its number is that
 * of libavformat. */
static int open_device(camera_source* s, const camera_options* options, char err[256]) {
  char name[40];
  AVDictionary* wanted = NULL;
  snprintf(name, sizeof name, "libavdevice.so.%d", LIBAVFORMAT_VERSION_MAJOR);
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  void (*enter)(void) = NULL;
  if (library != NULL) *(void**)&enter = dlsym(library, "avdevice_register_all");
  if (enter == NULL) {
    snprintf(err, 256, "%.80s: devices are read by %s, which is not installed (Debian: libavdevice%d)", options->path, name,
             LIBAVFORMAT_VERSION_MAJOR);
    return 0;
  }
  enter();
  const AVInputFormat* v4l2 = av_find_input_format("video4linux2");
  if (v4l2 == NULL) return say(err, options->path, "this FFmpeg reads no V4L2 devices");
  s->format->flags |= AVFMT_FLAG_NONBLOCK;
  if (options->capture[0] != 0) av_dict_set(&wanted, "video_size", options->capture, 0);
  const int wrong = avformat_open_input(&s->format, options->path, v4l2, &wanted);
  av_dict_free(&wanted);
  return wrong >= 0 || say(err, options->path, reason(wrong));
}

static int open_decoder(camera_source* s, const char* path, char err[256]) {
  const AVCodec* codec = NULL;
  s->stream = av_find_best_stream(s->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  if (s->stream < 0) return say(err, path, s->stream == AVERROR_DECODER_NOT_FOUND ? "no decoder for its pictures" : "has no pictures");
  for (unsigned i = 0; i < s->format->nb_streams; ++i) {
    if ((int)i != s->stream) s->format->streams[i]->discard = AVDISCARD_ALL;
  }
  s->decoder = avcodec_alloc_context3(codec);
  if (s->decoder == NULL) return say(err, path, "no memory");
  int wrong = avcodec_parameters_to_context(s->decoder, s->format->streams[s->stream]->codecpar);
  s->decoder->thread_count = 1;
  s->decoder->max_pixels = MOST_PIXELS;
  s->decoder->pkt_timebase = s->format->streams[s->stream]->time_base;
  if (wrong >= 0) wrong = avcodec_open2(s->decoder, codec, NULL);
  return wrong >= 0 || say(err, path, reason(wrong));
}

camera_source* camera_open(const camera_options* options, char err[256]) {
  struct stat is;
  camera_source* s = av_mallocz(sizeof *s);
  if (s == NULL) return say(err, options->path, "no memory"), NULL;
  av_log_set_level(AV_LOG_QUIET); /* what is wrong is said once, here */
  s->fd = -1;
  s->width = options->width;
  s->first_pts = AV_NOPTS_VALUE;
  s->last_ns = -1;
  s->format = avformat_alloc_context();
  s->packet = av_packet_alloc();
  s->frame = av_frame_alloc();
  int good = s->format != NULL && s->packet != NULL && s->frame != NULL;
  if (!good) say(err, options->path, "no memory");
  const int device = good && stat(options->path, &is) == 0 && S_ISCHR(is.st_mode);
  good = good && (device ? open_device(s, options, err) : open_file(s, options->path, err));
  if (good && open_decoder(s, options->path, err)) return s;
  camera_close(s);
  return NULL;
}

void camera_close(camera_source* s) {
  if (s == NULL) return;
  avcodec_free_context(&s->decoder);
  avformat_close_input(&s->format);
  if (s->io != NULL) av_freep(&s->io->buffer);
  avio_context_free(&s->io);
  av_packet_free(&s->packet);
  av_frame_free(&s->frame);
  sws_freeContext(s->scaler);
  av_free(s->scaled);
  av_free(s->pixels);
  if (s->fd >= 0) close(s->fd);
  av_free(s);
}

int camera_is_live(const camera_source* s) { return s->fd < 0; }

static int64_t time_of(camera_source* s) {
  const int64_t pts = s->frame->best_effort_timestamp;
  if (s->first_pts == AV_NOPTS_VALUE) s->first_pts = pts;
  int64_t ns = s->last_ns + 1;
  if (pts != AV_NOPTS_VALUE && s->first_pts != AV_NOPTS_VALUE) {
    const AVRational to = {1, 1000000000};
    ns = av_rescale_q(pts - s->first_pts, s->format->streams[s->stream]->time_base, to);
  }
  return s->last_ns = ns > s->last_ns ? ns : s->last_ns + 1;
}

camera_result camera_next(camera_source* s, int64_t* time_ns, char err[256]) {
  int got = avcodec_receive_frame(s->decoder, s->frame);
  if (got >= 0) return *time_ns = time_of(s), CAMERA_PICTURE;
  if (got == AVERROR_EOF) return CAMERA_END;
  got = av_read_frame(s->format, s->packet);
  if (got == AVERROR(EAGAIN)) return CAMERA_NOTHING_YET;
  if (got < 0) {
    /* A file that breaks off ends there. */
    if (!camera_is_live(s)) return s->flushed ? CAMERA_END : (s->flushed = 1, avcodec_send_packet(s->decoder, NULL), CAMERA_NOTHING_YET);
    snprintf(err, 256, "the device cannot be read: %s", reason(got));
    return CAMERA_LOST;
  }
  /* A packet that cannot be decoded is left out: the next one may be whole. */
  if (s->packet->stream_index == s->stream) avcodec_send_packet(s->decoder, s->packet);
  av_packet_unref(s->packet);
  return CAMERA_NOTHING_YET;
}

const uint8_t* camera_pixels(camera_source* s, int* width, int* height, char err[256]) {
  const AVFrame* from = s->frame;
  const int narrow = s->width > 0 && from->width > s->width;
  if (from->width < 1 || from->height < 1) return snprintf(err, 256, "a picture without pixels"), NULL;
  *width = narrow ? s->width : from->width;
  *height = narrow ? (int)((int64_t)from->height * s->width / from->width) : from->height;
  if (*height < 1) *height = 1;
  const size_t row = (size_t)*width * 3, stride = (row + 127) / 64 * 64, room = stride * ((size_t)*height + 1);
  if (row * (size_t)*height > (size_t)64 << 20) return snprintf(err, 256, "a picture of %d x %d pixels is too large: set options.width", *width, *height), NULL;
  if (room > s->room) {
    av_freep(&s->scaled);
    av_freep(&s->pixels);
    s->scaled = av_malloc(room);
    s->pixels = av_malloc(room);
    s->room = s->scaled != NULL && s->pixels != NULL ? room : 0;
    if (s->room == 0) return snprintf(err, 256, "no memory for a picture of %d x %d pixels", *width, *height), NULL;
  }
  s->scaler = sws_getCachedContext(s->scaler, from->width, from->height, (enum AVPixelFormat)from->format, *width, *height,
                                   AV_PIX_FMT_RGB24, narrow ? SWS_AREA : SWS_BILINEAR, NULL, NULL, NULL);
  if (s->scaler == NULL) return snprintf(err, 256, "a pixel format that is not served"), NULL;
  uint8_t* planes[4] = {s->scaled};
  const int strides[4] = {(int)stride};
  if (sws_scale(s->scaler, (const uint8_t* const*)from->data, from->linesize, 0, from->height, planes, strides) < 1) {
    return snprintf(err, 256, "a picture's colours could not be converted"), NULL;
  }
  for (int y = 0; y < *height; ++y) memcpy(s->pixels + row * (size_t)y, s->scaled + stride * (size_t)y, row);
  return s->pixels;
}
