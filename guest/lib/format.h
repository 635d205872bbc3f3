/* printf's conversions, to any destination. */
#ifndef BD0_FORMAT_H
#define BD0_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/** Where formatted text goes, a piece at a time. */
struct sink {
  void (*put)(struct sink *sink, const char *bytes, size_t n);
  size_t room;      /* bytes beyond so many are counted, and not put */
  size_t length;    /* of all the text, whether it was put or not */
  bool is_too_long; /* the length exceeds INT_MAX */
};

/**
 * Puts `format` with its conversions (listed in <stdio.h>) replaced by `arguments`. Returns the length, or -1 with errno
 * set: EOVERFLOW if a length exceeds INT_MAX, EILSEQ for an invalid wide character, EINVAL if the format ends
 * within a conversion. ISO C 7.21.6.1
 */
int bd0_format(struct sink *sink, const char *format, va_list arguments);

#endif
