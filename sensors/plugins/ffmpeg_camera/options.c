#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A flat object of JSON: texts, numbers, true and false. Zenith gives what it has parsed; a file may still ask for more. */
static void skip(const char** at) { *at += strspn(*at, " \t\r\n"); }

static int take(const char** at, char c) {
  skip(at);
  if (**at != c) return 0;
  ++*at;
  return 1;
}

static int hex4(const char* at, unsigned* out) {
  char digits[5] = {0};
  for (int i = 0; i < 4; ++i) {
    if (at[i] == 0 || strchr("0123456789abcdefABCDEF", at[i]) == NULL) return 0;
    digits[i] = at[i];
  }
  *out = (unsigned)strtoul(digits, NULL, 16);
  return 1;
}

/* Below U+0800, beyond NUL: what a path on this machine may be written as by an escape; more comes as UTF-8 itself. */
static int take_escape(const char** at, char* to, size_t* n) {
  static const char kFrom[] = "\"\\/bfnrt", kTo[] = "\"\\/\b\f\n\r\t";
  const char c = *(*at)++;
  unsigned code = 0;
  if (c == 'u') {
    if (!hex4(*at, &code) || code == 0 || code >= 0x800) return 0;
    *at += 4;
    if (code >= 0x80) to[(*n)++] = (char)(0xc0 | code >> 6);
    to[(*n)++] = (char)(code >= 0x80 ? 0x80 | (code & 0x3f) : code);
    return 1;
  }
  const char* known = c == 0 ? NULL : strchr(kFrom, c);
  if (known == NULL) return 0;
  to[(*n)++] = kTo[known - kFrom];
  return 1;
}

static int take_text(const char** at, char out[CAMERA_TEXT]) {
  size_t n = 0;
  if (!take(at, '"')) return 0;
  while (**at != '"') {
    if ((unsigned char)**at < 0x20 || n + 3 > CAMERA_TEXT) return 0;
    if (**at != '\\') {
      out[n++] = *(*at)++;
      continue;
    }
    ++*at;
    if (!take_escape(at, out, &n)) return 0;
  }
  ++*at;
  out[n] = 0;
  return 1;
}

static int take_number(const char** at, double least, double most, double* out) {
  char* end = NULL;
  skip(at);
  if (**at != '-' && (**at < '0' || **at > '9')) return 0;
  *out = strtod(*at, &end);
  *at = end;
  return *out >= least && *out <= most;
}

static int take_bool(const char** at, int* out) {
  skip(at);
  const int is = strncmp(*at, "true", 4) == 0;
  if (!is && strncmp(*at, "false", 5) != 0) return 0;
  *at += is ? 4 : 5;
  *out = is;
  return 1;
}

/* @returns what it must be; NULL when it is. */
static const char* take_member(const char** at, const char* name, camera_options* out) {
  double number = 0;
  if (strcmp(name, "path") == 0) return take_text(at, out->path) ? NULL : "must be a path";
  if (strcmp(name, "capture") == 0) return take_text(at, out->capture) ? NULL : "must be a size such as \"1280x720\"";
  if (strcmp(name, "loop") == 0) return take_bool(at, &out->loop) ? NULL : "must be true or false";
  if (strcmp(name, "rate_hz") == 0) return take_number(at, 0.01, 120, &out->rate_hz) ? NULL : "must be from 0.01 to 120";
  if (strcmp(name, "width") == 0) {
    if (!take_number(at, 0, 4096, &number) || number != (int)number) return "must be a whole number from 0 to 4096";
    out->width = (int)number;
    return NULL;
  }
  return "is not known; path, capture, width, rate_hz and loop are";
}

static int is_size(const char* text) {
  int w = 0, h = 0, n = 0;
  return sscanf(text, "%5dx%5d%n", &w, &h, &n) == 2 && text[n] == 0 && w > 0 && h > 0;
}

int camera_read_options(const char* json, camera_options* out, char err[256]) {
  const camera_options defaults = {.width = 640, .rate_hz = 5};
  char name[CAMERA_TEXT];
  const char* at = json;
  *out = defaults;
  if (!take(&at, '{')) return snprintf(err, 256, "options: must be an object"), 0;
  for (int more = !take(&at, '}'); more; more = take(&at, ',')) {
    if (!take_text(&at, name) || !take(&at, ':')) return snprintf(err, 256, "options: is no object of members"), 0;
    const char* wrong = take_member(&at, name, out);
    if (wrong != NULL) return snprintf(err, 256, "options.%.60s %s", name, wrong), 0;
    skip(&at);
    if (*at == '}') {
      ++at;
      break;
    }
    if (*at != ',') return snprintf(err, 256, "options.%.60s is followed by no comma", name), 0;
  }
  skip(&at);
  if (*at != 0) return snprintf(err, 256, "options: something follows the object"), 0;
  if (out->path[0] == 0) return snprintf(err, 256, "options.path is missing: a device such as /dev/video0, or a file"), 0;
  if (out->capture[0] != 0 && !is_size(out->capture)) {
    return snprintf(err, 256, "options.capture must be a size such as \"1280x720\""), 0;
  }
  return 1;
}
