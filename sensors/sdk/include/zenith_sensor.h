/* The interface between Zenith and a sensor plugin: C99, no include beyond <stdint.h>, one exported symbol.
 *
 * A plugin is a shared library. Zenith runs each in a process of its own (zenith-sensor-host), so a plugin that crashes
 * or hangs takes nothing with it: its process is started again, and what was missed is marked as a gap.
 *
 * All calls come from one thread, one at a time. `open` comes first and `close` last; `start` and `stop` may come
 * several times between them; `read_batch` and `release` come between `start` and `stop`. No call may block longer than
 * a second beyond what it is asked to wait: after that the process is ended and started again.
 *
 * Structures only ever grow at their end. SPDX-License-Identifier: Apache-2.0 */
#ifndef ZENITH_SENSOR_H
#define ZENITH_SENSOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ZENITH_SENSOR_EXPORT __attribute__((visibility("default")))
#else
#define ZENITH_SENSOR_EXPORT
#endif

/* Of zenith_sensor_v1.abi. Another number is refused before any call. */
#define ZENITH_SENSOR_ABI 1u

/* Of zenith_frame.dtype. Numbers in the byte order of the machine, dense, row-major. */
#define ZENITH_U8 1u
#define ZENITH_I8 2u
#define ZENITH_U16 3u
#define ZENITH_I16 4u
#define ZENITH_U32 5u
#define ZENITH_I32 6u
#define ZENITH_U64 7u
#define ZENITH_I64 8u
#define ZENITH_F32 9u
#define ZENITH_F64 10u

/* Of zenith_frame.flags. Other bits must be 0. */
#define ZENITH_FRAME_GAP 1u       /* something was missed just before this frame */
#define ZENITH_FRAME_LATE 2u      /* measured when it says, handed over much later */
#define ZENITH_FRAME_CLIPPED 4u   /* at least one value is at the end of what the sensor can measure */
#define ZENITH_FRAME_SIMULATED 8u /* no sensor measured this */

/* One measurement of one channel. */
typedef struct {
  uint64_t seq;                 /* of its channel: grows by 1; by more when the plugin knows that it missed some */
  int64_t t_mono_ns, t_wall_ns; /* when it was measured: CLOCK_MONOTONIC, and nanoseconds since 1970 */
  uint32_t flags, channel;      /* ZENITH_FRAME_…; the channel's place in the manifest, from 0 */
  uint32_t dtype, rank;         /* as the manifest says; rank 0 is one number */
  uint64_t dims[4];             /* the first `rank` count, slowest first; as the manifest says, where it says */
  const void* data;             /* stays valid until release() */
  uint64_t bytes;               /* of data: the product of dims times the size of dtype */
} zenith_frame;

/* What a plugin is. The table and what it points to live as long as the library is loaded. */
typedef struct {
  uint32_t abi, size;   /* ZENITH_SENSOR_ABI; sizeof(zenith_sensor_v1) as the plugin saw it: new calls go last */
  const char* manifest; /* JSON, UTF-8, at most 64 KiB: see docs/howto/sensor.md */

  /* @param json the configuration's `options`, "{}" when there are none. @returns the plugin's state, given to all
   * other calls; NULL on failure with the reason in err, ended by a zero. */
  void* (*open)(const char* json, char err[256]);

  /* Begins to measure. @returns 0, or -errno. */
  int (*start)(void* self);

  /* Waits at most timeout_ms for frames. @param out room for `room` frames, at least 64. @returns how many frames are
   * lent, 0 when the time is over, -errno when it cannot go on. What is lent stays valid until release(). */
  int (*read_batch)(void* self, int timeout_ms, zenith_frame* out, int room);

  /* Gives back the n frames of the last read_batch. */
  void (*release)(void* self, zenith_frame* frames, int n);

  /* @param text a line for people, ended by a zero, or left empty. @returns 0 when all is well, -errno otherwise. */
  int (*health)(void* self, char text[256]);

  /* Ends what start began. @returns 0, or -errno. */
  int (*stop)(void* self);

  void (*close)(void* self);
} zenith_sensor_v1;

/* The only symbol that a plugin exports. Never NULL, and always the same. */
ZENITH_SENSOR_EXPORT const zenith_sensor_v1* zenith_sensor_entry(void);

#ifdef __cplusplus
}
#endif
#endif
