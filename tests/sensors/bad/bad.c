/* Plugins that break one rule each: BAD says which. Compiled once for each row of CMakeLists.txt. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zenith_sensor.h>

#define NAME_(x) #x
#define NAME(x) NAME_(x)
#define IS(what) (strcmp(NAME(BAD), what) == 0)

static int state;
static float value = 1;

static void crash(void) { raise(SIGSEGV); }
static void hang(void) {
  for (;;) pause();
}
static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void* bad_open(const char* json, char err[256]) {
  (void)json;
  if (IS("crash_open")) crash();
  if (IS("hang_open")) hang();
  if (IS("exit_open")) _exit(0);
  if (IS("fail_open")) {
    memset(err, 'x', 256); /* no end */
    return NULL;
  }
  return &state;
}
static int bad_start(void* self) {
  (void)self;
  if (IS("crash_start")) crash();
  if (IS("hang_start")) hang();
  if (IS("fail_start")) return -ENODEV;
  return 0;
}
static int bad_read(void* self, int timeout_ms, zenith_frame* out, int room) {
  static uint64_t seq = 0;
  (void)self;
  (void)timeout_ms;
  usleep(10000);
  if (seq > 20) { /* it works for a while */
    if (IS("crash_read")) crash();
    if (IS("hang_read")) hang();
    if (IS("abort_read")) abort();
    if (IS("exit_read")) exit(3);
    if (IS("fail_read")) return -EIO;
    if (IS("many_read")) return room + 1000000;
    if (IS("memory_read")) {
      for (;;) {
        char* p = malloc(1 << 26);
        if (p == NULL) abort();
        *(volatile char*)p = 1; /* the limit is of addresses: to fill them may take longer than a call may */
      }
    }
  }
  memset(out, 0, sizeof *out);
  out->seq = seq++;
  out->t_mono_ns = now_ns();
  out->dtype = ZENITH_F32;
  out->data = &value;
  out->bytes = 4;
  if (seq > 20) {
    if (IS("lie_dims")) out->rank = 1, out->dims[0] = 1ull << 40;
    if (IS("lie_bytes")) out->bytes = 1ull << 40;
    if (IS("lie_null")) out->data = NULL;
    if (IS("lie_pointer")) out->data = (const void*)8;
    if (IS("lie_dtype")) out->dtype = 99;
    if (IS("lie_channel")) out->channel = 7;
    if (IS("lie_seq")) out->seq = 3;
    if (IS("lie_flags")) out->flags = 0x80;
  }
  return 1;
}
static void bad_release(void* self, zenith_frame* frames, int n) {
  (void)self;
  (void)frames;
  (void)n;
  if (IS("crash_release")) crash();
  if (IS("hang_release")) hang();
}
static int bad_health(void* self, char text[256]) {
  (void)self;
  if (IS("crash_health")) crash();
  if (IS("hang_health")) hang();
  memset(text, 'x', 256); /* no end */
  return 0;
}
static int bad_stop(void* self) {
  (void)self;
  if (IS("crash_stop")) crash();
  if (IS("hang_stop")) hang();
  return 0;
}
static void bad_close(void* self) {
  (void)self;
  if (IS("crash_close")) crash();
  if (IS("hang_close")) hang();
}

#define MANIFEST "{\"id\":\"" NAME(BAD) "\",\"version\":\"1.0.0\",\"kind\":\"test\",\"channels\":[{\"name\":\"x\",\"unit\":\"1\",\"dtype\":\"f32\"}]}"

static zenith_sensor_v1 table = {ZENITH_SENSOR_ABI, sizeof(zenith_sensor_v1), MANIFEST, bad_open, bad_start, bad_read,
                                 bad_release, bad_health, bad_stop, bad_close};

#if defined(NO_ENTRY)
__attribute__((visibility("default"))) int something_else(void) { return table.abi != 0; }
#else
const zenith_sensor_v1* zenith_sensor_entry(void) {
  if (IS("crash_entry")) crash();
  if (IS("hang_entry")) hang();
  if (IS("null_entry")) return NULL;
  if (IS("other_abi")) table.abi = ZENITH_SENSOR_ABI + 1;
  if (IS("small_table")) table.size = 8;
  if (IS("empty_call")) table.read_batch = NULL;
  if (IS("no_manifest")) table.manifest = NULL;
  if (IS("bad_manifest")) table.manifest = "{\"id\":\"bad\"";
  return &table;
}
#endif

#if defined(CRASH_LOAD)
__attribute__((constructor)) static void at_load(void) { crash(); }
#endif
