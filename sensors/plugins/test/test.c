/* A sensor that measures nothing: a counter at a steady rate, for tests of everything behind it.
 *
 * options: {"rate_hz": 1000, "stop_after": 0}. Frame n is due n / rate after the start; a reader that comes late gets all that
 * are due, none is left out. `stop_after`: after so many frames read_batch fails (-EIO), 0 = never. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zenith_sensor.h>

#define ROOM 512

typedef struct {
  double rate;
  uint64_t stop_after, next;
  int64_t mono_start, wall_start;
  uint64_t values[ROOM];
} state;

static int64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double option(const char* json, const char* name, double otherwise) {
  const char* at = strstr(json, name);
  if (at == NULL || (at = strchr(at, ':')) == NULL) return otherwise;
  return strtod(at + 1, NULL);
}

static void* test_open(const char* json, char err[256]) {
  state* s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->rate = option(json, "\"rate_hz\"", 1000);
  s->stop_after = (uint64_t)option(json, "\"stop_after\"", 0);
  if (!(s->rate >= 0.1 && s->rate <= 100000)) {
    snprintf(err, 256, "rate_hz must be from 0.1 to 100000");
    free(s);
    return NULL;
  }
  return s;
}

static int test_start(void* self) {
  state* s = self;
  s->mono_start = now_ns(CLOCK_MONOTONIC) - (int64_t)((double)s->next * 1e9 / s->rate);
  s->wall_start = now_ns(CLOCK_REALTIME) - (int64_t)((double)s->next * 1e9 / s->rate);
  return 0;
}

static int test_read(void* self, int timeout_ms, zenith_frame* out, int room) {
  state* s = self;
  int64_t due = s->mono_start + (int64_t)((double)s->next * 1e9 / s->rate);
  int64_t wait = due - now_ns(CLOCK_MONOTONIC);
  int n = 0;
  if (s->stop_after != 0 && s->next >= s->stop_after) return -EIO;
  if (wait < 4000000) wait = 4000000; /* a few at once: a wake-up for each would cost more than the frames */
  if (wait > (int64_t)timeout_ms * 1000000) wait = (int64_t)timeout_ms * 1000000;
  struct timespec pause = {wait / 1000000000, wait % 1000000000};
  nanosleep(&pause, NULL);
  const int64_t now = now_ns(CLOCK_MONOTONIC);
  if (room > ROOM) room = ROOM;
  while (n < room) {
    const int64_t offset = (int64_t)((double)s->next * 1e9 / s->rate);
    if (s->mono_start + offset > now || (s->stop_after != 0 && s->next >= s->stop_after)) break;
    zenith_frame* f = &out[n];
    memset(f, 0, sizeof *f);
    s->values[n] = s->next;
    f->seq = s->next++;
    f->t_mono_ns = s->mono_start + offset;
    f->t_wall_ns = s->wall_start + offset;
    f->flags = ZENITH_FRAME_SIMULATED;
    f->dtype = ZENITH_U64;
    f->data = &s->values[n];
    f->bytes = sizeof s->values[n];
    ++n;
  }
  return n;
}

static void test_release(void* self, zenith_frame* frames, int n) {
  (void)self;
  (void)frames;
  (void)n;
}

static int test_health(void* self, char text[256]) {
  snprintf(text, 256, "%llu frames", (unsigned long long)((state*)self)->next);
  return 0;
}

static int test_stop(void* self) {
  (void)self;
  return 0;
}

static void test_close(void* self) { free(self); }

const zenith_sensor_v1* zenith_sensor_entry(void) {
  static const zenith_sensor_v1 table = {
      ZENITH_SENSOR_ABI,
      sizeof(zenith_sensor_v1),
      "{\"id\":\"test\",\"version\":\"1.0.0\",\"kind\":\"simulation\",\"description\":\"a counter for tests\",\"channels\":["
      "{\"name\":\"counter\",\"unit\":\"1\",\"dtype\":\"u64\",\"shape\":[],\"rate_hz\":1000,\"policy\":\"drop_oldest\"}]}",
      test_open,
      test_start,
      test_read,
      test_release,
      test_health,
      test_stop,
      test_close,
  };
  return &table;
}
