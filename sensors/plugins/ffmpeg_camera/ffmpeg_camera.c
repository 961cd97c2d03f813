/* Pictures of a V4L2 camera, or of a file that plays as if it were one.
 *
 * options: {"path": "/dev/video0", "capture": "1280x720", "width": 640, "rate_hz": 5, "loop": false}; `path` is needed. A file is
 * paced by its own times; its frames are flagged as simulated. What is not there, or goes away, is tried again every second: health
 * says why, and the first frame afterwards is flagged as after a gap. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zenith_sensor.h>

#include "options.h"
#include "source.h"

#define SECOND 1000000000LL

typedef struct {
  camera_options options;
  camera_source* source;
  int64_t begin_ns;           /* when the source's first picture is due */
  int64_t open_ns;            /* not before */
  int64_t picture_ns, due_ns; /* of the picture that waits for its time: in its file, and here */
  int64_t next_ns;            /* the rate: no picture before */
  int waiting, over, gap;
  uint64_t of_source, seq; /* pictures */
  int width, height;
  char trouble[256];
} camera;

static int64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

static void sleep_until(int64_t at_ns) {
  const struct timespec at = {at_ns / SECOND, at_ns % SECOND};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void leave(camera* c, int64_t again_ns) {
  camera_close(c->source);
  c->source = NULL;
  c->waiting = 0;
  c->open_ns = again_ns;
}

static void fail(camera* c, int64_t now, const char* why) {
  snprintf(c->trouble, sizeof c->trouble, "%.200s; it is tried again every second", why);
  c->gap = 1;
  leave(c, now + SECOND);
}

static void enter(camera* c, int64_t now) {
  char err[256];
  c->source = camera_open(&c->options, err);
  if (c->source == NULL) {
    fail(c, now, err);
    return;
  }
  const int64_t opened = now_ns(CLOCK_MONOTONIC);
  c->begin_ns = c->open_ns > opened - SECOND ? c->open_ns : opened; /* a file that begins anew does so in step */
  c->next_ns = camera_is_live(c->source) ? opened : 0;
  c->of_source = 0;
}

static void file_ends(camera* c, int64_t now) {
  if (c->of_source == 0) {
    fail(c, now, "no picture in the file can be decoded");
    return;
  }
  const int64_t after = c->due_ns + (int64_t)(SECOND / c->options.rate_hz);
  leave(c, after > now ? after : now);
  c->over = !c->options.loop;
}

/* One step of the source. */
static void advance(camera* c, int64_t now) {
  char err[256];
  int64_t at_ns = 0;
  switch (camera_next(c->source, &at_ns, err)) {
    case CAMERA_NOTHING_YET:
      if (camera_is_live(c->source)) sleep_until(now + SECOND / 200);
      return;
    case CAMERA_LOST: fail(c, now, err); return;
    case CAMERA_END: file_ends(c, now); return;
    case CAMERA_PICTURE: break;
  }
  ++c->of_source;
  const int64_t at = camera_is_live(c->source) ? now : at_ns;
  if (at < c->next_ns) return;
  const int64_t period = (int64_t)(SECOND / c->options.rate_hz);
  c->next_ns = c->next_ns + period > at ? c->next_ns + period : at + period;
  c->due_ns = camera_is_live(c->source) ? now : c->begin_ns + at_ns;
  if (c->due_ns < now - SECOND) { /* this machine is too slow for the file: the file waits */
    c->begin_ns += now - c->due_ns;
    c->due_ns = now;
  }
  c->waiting = 1;
}

static int lend(camera* c, zenith_frame* out) {
  char err[256];
  c->waiting = 0;
  const uint8_t* pixels = camera_pixels(c->source, &c->width, &c->height, err);
  if (pixels == NULL) {
    snprintf(c->trouble, sizeof c->trouble, "%s", err);
    return 0;
  }
  memset(out, 0, sizeof *out);
  out->seq = c->seq++;
  out->t_mono_ns = now_ns(CLOCK_MONOTONIC);
  out->t_wall_ns = now_ns(CLOCK_REALTIME);
  out->flags = (camera_is_live(c->source) ? 0 : ZENITH_FRAME_SIMULATED) | (c->gap ? ZENITH_FRAME_GAP : 0);
  out->dtype = ZENITH_U8;
  out->rank = 3;
  out->dims[0] = (uint64_t)c->height;
  out->dims[1] = (uint64_t)c->width;
  out->dims[2] = 3;
  out->data = pixels;
  out->bytes = out->dims[0] * out->dims[1] * 3;
  c->gap = 0;
  c->trouble[0] = 0;
  return 1;
}

static void* camera_of(const char* json, char err[256]) {
  camera* c = calloc(1, sizeof *c);
  if (c == NULL) return snprintf(err, 256, "no memory"), NULL;
  if (camera_read_options(json, &c->options, err)) return c;
  free(c);
  return NULL;
}

static int camera_start(void* self) {
  camera* c = self;
  c->over = 0;
  c->open_ns = 0;
  return 0;
}

static int camera_read(void* self, int timeout_ms, zenith_frame* out, int room) {
  camera* c = self;
  const int64_t until = now_ns(CLOCK_MONOTONIC) + timeout_ms * 1000000LL;
  (void)room;
  for (int64_t now; (now = now_ns(CLOCK_MONOTONIC)) < until;) {
    const int64_t wait = c->waiting ? c->due_ns : c->over ? until : c->source == NULL ? c->open_ns : 0;
    if (wait > now) {
      sleep_until(wait < until ? wait : until);
    } else if (c->waiting) {
      if (lend(c, out)) return 1;
    } else if (c->source == NULL) {
      enter(c, now);
    } else {
      advance(c, now);
    }
  }
  return 0;
}

static void camera_release(void* self, zenith_frame* frames, int n) { (void)self, (void)frames, (void)n; }

static int camera_health(void* self, char text[256]) {
  const camera* c = self;
  if (c->trouble[0] != 0) return snprintf(text, 256, "%s", c->trouble), -ENODEV;
  if (c->over) return snprintf(text, 256, "the file is over: %llu pictures", (unsigned long long)c->seq), 0;
  if (c->seq > 0) snprintf(text, 256, "%d x %d pixels, %llu pictures", c->width, c->height, (unsigned long long)c->seq);
  return 0;
}

static int camera_stop(void* self) {
  camera* c = self;
  c->gap = c->seq > 0;
  leave(c, 0);
  return 0;
}

static void camera_end(void* self) {
  leave(self, 0);
  free(self);
}

const zenith_sensor_v1* zenith_sensor_entry(void) {
  static const zenith_sensor_v1 table = {
      ZENITH_SENSOR_ABI,
      sizeof(zenith_sensor_v1),
      "{\"id\":\"camera\",\"version\":\"1.0.0\",\"kind\":\"camera\",\"description\":\"a V4L2 camera, or a file in its place\","
      "\"channels\":[{\"name\":\"image\",\"unit\":\"1\",\"dtype\":\"u8\",\"shape\":[0,0,3],\"rate_hz\":0,\"policy\":\"latest\"}]}",
      camera_of,
      camera_start,
      camera_read,
      camera_release,
      camera_health,
      camera_stop,
      camera_end,
  };
  return &table;
}
