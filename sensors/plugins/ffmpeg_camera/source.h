/* Pictures of a device or a file, as FFmpeg decodes them. One thread. */
#ifndef ZENITH_FFMPEG_CAMERA_SOURCE_H
#define ZENITH_FFMPEG_CAMERA_SOURCE_H

#include <stdint.h>

#include "options.h"

typedef struct camera_source camera_source;

typedef enum {
  CAMERA_PICTURE,
  CAMERA_NOTHING_YET, /* of a device: none has come; of a file: something in it was no picture */
  CAMERA_END,         /* of a file */
  CAMERA_LOST         /* err says why: it cannot be read any more */
} camera_result;

/* @returns NULL with the reason in err: it is not there, is no picture, may not be read. What a file names is not
 * opened. */
camera_source* camera_open(const camera_options* options, char err[256]);
void camera_close(camera_source* source); /* NULL is allowed */

/* A device says when a picture is taken; a file has them all at once. */
int camera_is_live(const camera_source* source);

/* Reads and decodes at most a packet. @param time_ns of a picture in its file, from its first; grows. */
camera_result camera_next(camera_source* source, int64_t* time_ns, char err[256]);

/* The picture of the last CAMERA_PICTURE, narrowed to the options' width: u8 [height, width, 3], red first, without
 * padding.
 * @returns its bytes, valid until the next call; NULL with the reason in err. */
const uint8_t* camera_pixels(camera_source* source, int* width, int* height, char err[256]);

#endif
