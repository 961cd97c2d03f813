/* What the configuration says of a camera. */
#ifndef ZENITH_FFMPEG_CAMERA_OPTIONS_H
#define ZENITH_FFMPEG_CAMERA_OPTIONS_H

#define CAMERA_TEXT 512 /* bytes of a text, with its zero */

typedef struct {
  char path[CAMERA_TEXT];    /* a V4L2 device, or a file */
  char capture[CAMERA_TEXT]; /* of a device: "1280x720"; empty: what it prefers */
  int width;                 /* wider pictures are made so narrow; 0: none is */
  double rate_hz;            /* at most so many pictures a second */
  int loop;                  /* a file begins anew at its end */
} camera_options;

/* @param json an object. @returns 1; 0 with the reason in err, which names the member. */
int camera_read_options(const char* json, camera_options* out, char err[256]);

#endif
