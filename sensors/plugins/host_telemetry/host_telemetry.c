/* What the machine is doing, from /proc: processor, memory, load, pressure, network.
 *
 * options: {"root": "/proc", "period_ms": 1000}. A file that is not there costs its channel its frames, and health says so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zenith_sensor.h>

enum { CPU, MEMORY, LOAD, PRESSURE, NETWORK, CHANNELS };

typedef struct {
  char root[200];
  int64_t period_ns, next_ns;
  int primed; /* differences need a reading before the first */
  uint64_t seq[CHANNELS];
  unsigned missing; /* a bit for each channel */
  uint64_t jiffies[4], bytes[2];
  int64_t read_ns; /* when jiffies and bytes were read */
  float cpu[4], load[3], pressure[3], network[2];
  uint64_t memory[4];
} state;

static const char* const kNames[CHANNELS] = {"stat", "meminfo", "loadavg", "pressure/*", "net/dev"};

static int64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static FILE* open_file(const state* s, const char* name) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", s->root, name);
  return fopen(path, "re");
}

/* busy, user, system, waiting for discs: per cent of all processors since the last reading. */
static int read_cpu(state* s) {
  unsigned long long v[8] = {0};
  FILE* f = open_file(s, "stat");
  if (f == NULL) return 0;
  const int n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);
  fclose(f);
  if (n < 5) return 0;
  const uint64_t now[4] = {v[0] + v[1], v[2] + v[5] + v[6], v[4], v[0] + v[1] + v[2] + v[3] + v[4] + v[5] + v[6] + v[7]};
  const double all = (double)(now[3] - s->jiffies[3]);
  const double user = (double)(now[0] - s->jiffies[0]), system = (double)(now[1] - s->jiffies[1]);
  /* The kernel's count of waiting may go backwards. */
  const double waiting = now[2] > s->jiffies[2] ? (double)(now[2] - s->jiffies[2]) : 0;
  const double parts[4] = {user + system, user, system, waiting};
  for (int i = 0; i < 4; ++i) {
    const double share = all > 0 ? 100 * parts[i] / all : 0;
    s->cpu[i] = (float)(share > 100 ? 100 : share);
  }
  memcpy(s->jiffies, now, sizeof now);
  return 1;
}

/* used, available, total, swap used: bytes. */
static int read_memory(state* s) {
  unsigned long long total = 0, available = 0, swap_total = 0, swap_free = 0, kib;
  char line[200];
  FILE* f = open_file(s, "meminfo");
  if (f == NULL) return 0;
  while (fgets(line, sizeof line, f) != NULL) {
    if (sscanf(line, "MemTotal: %llu", &kib) == 1) total = kib;
    if (sscanf(line, "MemAvailable: %llu", &kib) == 1) available = kib;
    if (sscanf(line, "SwapTotal: %llu", &kib) == 1) swap_total = kib;
    if (sscanf(line, "SwapFree: %llu", &kib) == 1) swap_free = kib;
  }
  fclose(f);
  if (total == 0 || available > total || swap_free > swap_total) return 0;
  s->memory[0] = (total - available) * 1024;
  s->memory[1] = available * 1024;
  s->memory[2] = total * 1024;
  s->memory[3] = (swap_total - swap_free) * 1024;
  return 1;
}

static int read_load(state* s) {
  FILE* f = open_file(s, "loadavg");
  if (f == NULL) return 0;
  const int n = fscanf(f, "%f %f %f", &s->load[0], &s->load[1], &s->load[2]);
  fclose(f);
  return n == 3;
}

/* Share of the last 10 s in which some task waited for processor, memory, discs: per cent. */
static int read_pressure(state* s) {
  static const char* const names[3] = {"pressure/cpu", "pressure/memory", "pressure/io"};
  for (int i = 0; i < 3; ++i) {
    FILE* f = open_file(s, names[i]);
    if (f == NULL) return 0;
    const int n = fscanf(f, "some avg10=%f", &s->pressure[i]);
    fclose(f);
    if (n != 1) return 0;
  }
  return 1;
}

/* Received and sent, all interfaces but the loopback: bytes a second since the last reading. */
static int read_network(state* s, int64_t now) {
  unsigned long long received, sent, sum[2] = {0, 0};
  char line[400], name[32];
  FILE* f = open_file(s, "net/dev");
  if (f == NULL) return 0;
  while (fgets(line, sizeof line, f) != NULL) {
    if (sscanf(line, " %31[^:]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &received, &sent) != 3) continue;
    if (strcmp(name, "lo") == 0) continue;
    sum[0] += received;
    sum[1] += sent;
  }
  fclose(f);
  const double seconds = (double)(now - s->read_ns) / 1e9;
  for (int i = 0; i < 2; ++i) {
    const double more = sum[i] > s->bytes[i] ? (double)(sum[i] - s->bytes[i]) : 0; /* an interface may have gone */
    s->network[i] = seconds > 0 ? (float)(more / seconds) : 0;
    s->bytes[i] = sum[i];
  }
  return 1;
}

static void set_frame(zenith_frame* f, state* s, int channel, const void* data, uint32_t dtype, uint64_t count, uint64_t size) {
  memset(f, 0, sizeof *f);
  f->seq = s->seq[channel]++;
  f->t_mono_ns = now_ns(CLOCK_MONOTONIC);
  f->t_wall_ns = now_ns(CLOCK_REALTIME);
  f->channel = (uint32_t)channel;
  f->dtype = dtype;
  f->rank = 1;
  f->dims[0] = count;
  f->data = data;
  f->bytes = count * size;
}

/* Reads everything; a channel whose file cannot be read has no frame. */
static int measure(state* s, zenith_frame* out, int room) {
  int n = 0;
  const int64_t now = now_ns(CLOCK_MONOTONIC);
  const int there[CHANNELS] = {read_cpu(s), read_memory(s), read_load(s), read_pressure(s), read_network(s, now)};
  s->read_ns = now;
  s->missing = 0;
  for (int c = 0; c < CHANNELS; ++c) s->missing |= there[c] ? 0u : 1u << c;
  if (!s->primed) {
    s->primed = 1;
    return 0;
  }
  if (there[CPU] && n < room) set_frame(&out[n++], s, CPU, s->cpu, ZENITH_F32, 4, 4);
  if (there[MEMORY] && n < room) set_frame(&out[n++], s, MEMORY, s->memory, ZENITH_U64, 4, 8);
  if (there[LOAD] && n < room) set_frame(&out[n++], s, LOAD, s->load, ZENITH_F32, 3, 4);
  if (there[PRESSURE] && n < room) set_frame(&out[n++], s, PRESSURE, s->pressure, ZENITH_F32, 3, 4);
  if (there[NETWORK] && n < room) set_frame(&out[n++], s, NETWORK, s->network, ZENITH_F32, 2, 4);
  return n;
}

static void* host_open(const char* json, char err[256]) {
  state* s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  strcpy(s->root, "/proc");
  s->period_ns = 1000000000;
  const char* at = strstr(json, "\"root\"");
  if (at != NULL) {
    const char* begin = strchr(at + 6, '"');
    const char* end = begin != NULL ? strchr(begin + 1, '"') : NULL;
    if (end == NULL || (size_t)(end - begin - 1) >= sizeof s->root) {
      snprintf(err, 256, "root must be a path of at most %zu characters", sizeof s->root - 1);
      free(s);
      return NULL;
    }
    memcpy(s->root, begin + 1, (size_t)(end - begin - 1));
    s->root[end - begin - 1] = 0;
  }
  at = strstr(json, "\"period_ms\"");
  if (at != NULL && (at = strchr(at, ':')) != NULL) {
    const double ms = strtod(at + 1, NULL);
    if (!(ms >= 10 && ms <= 3600000)) {
      snprintf(err, 256, "period_ms must be from 10 to 3600000");
      free(s);
      return NULL;
    }
    s->period_ns = (int64_t)(ms * 1e6);
  }
  return s;
}

static int host_start(void* self) {
  state* s = self;
  s->primed = 0;
  s->next_ns = now_ns(CLOCK_MONOTONIC);
  return 0;
}

static int host_read(void* self, int timeout_ms, zenith_frame* out, int room) {
  state* s = self;
  const int64_t now = now_ns(CLOCK_MONOTONIC);
  int64_t wait = s->next_ns - now;
  if (wait > 0) {
    const int64_t most = (int64_t)timeout_ms * 1000000;
    const int64_t nap = wait < most ? wait : most;
    struct timespec pause = {nap / 1000000000, nap % 1000000000};
    nanosleep(&pause, NULL);
    if (wait > most) return 0;
  }
  s->next_ns += s->period_ns;
  if (s->next_ns < now_ns(CLOCK_MONOTONIC)) s->next_ns = now_ns(CLOCK_MONOTONIC) + s->period_ns; /* it slept: no hurry to catch up */
  return measure(s, out, room);
}

static void host_release(void* self, zenith_frame* frames, int n) {
  (void)self;
  (void)frames;
  (void)n;
}

static int host_health(void* self, char text[256]) {
  const state* s = self;
  size_t at = 0;
  text[0] = 0;
  for (int c = 0; c < CHANNELS; ++c) {
    if (!(s->missing & (1u << c))) continue;
    at += (size_t)snprintf(text + at, 256 - at, "%s%s/%s cannot be read", at == 0 ? "" : ", ", s->root, kNames[c]);
    if (at >= 255) break;
  }
  return s->missing == (1u << CHANNELS) - 1 ? -ENOENT : 0;
}

static int host_stop(void* self) {
  (void)self;
  return 0;
}

static void host_close(void* self) { free(self); }

const zenith_sensor_v1* zenith_sensor_entry(void) {
  static const zenith_sensor_v1 table = {
      ZENITH_SENSOR_ABI,
      sizeof(zenith_sensor_v1),
      "{\"id\":\"host\",\"version\":\"1.0.0\",\"kind\":\"telemetry\",\"description\":\"what this machine is doing\",\"channels\":["
      "{\"name\":\"cpu\",\"unit\":\"%\",\"dtype\":\"f32\",\"shape\":[4],\"labels\":[\"busy\",\"user\",\"system\",\"io wait\"],\"rate_hz\":1},"
      "{\"name\":\"memory\",\"unit\":\"By\",\"dtype\":\"u64\",\"shape\":[4],\"labels\":[\"used\",\"available\",\"total\",\"swap used\"],"
      "\"rate_hz\":1},"
      "{\"name\":\"load\",\"unit\":\"1\",\"dtype\":\"f32\",\"shape\":[3],\"labels\":[\"1 min\",\"5 min\",\"15 min\"],\"rate_hz\":1},"
      "{\"name\":\"pressure\",\"unit\":\"%\",\"dtype\":\"f32\",\"shape\":[3],\"labels\":[\"cpu\",\"memory\",\"io\"],\"rate_hz\":1},"
      "{\"name\":\"network\",\"unit\":\"By/s\",\"dtype\":\"f32\",\"shape\":[2],\"labels\":[\"received\",\"sent\"],\"rate_hz\":1}]}",
      host_open,
      host_start,
      host_read,
      host_release,
      host_health,
      host_stop,
      host_close,
  };
  return &table;
}
