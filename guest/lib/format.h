/* printf's conversions, to any destination. */
#ifndef BD0_FORMAT_H
#define BD0_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/** Where formatted text goes, a piece at a time. */
struct sink {
  void (*put)(struct sink *sink, const char *bytes, size_t n);
  size_t length; /* of all that was put */
};

/** Puts `format` with its conversions (listed in <stdio.h>) replaced by `arguments`. ISO C 7.21.6.1 */
void bd0_format(struct sink *sink, const char *format, va_list arguments);

#endif
