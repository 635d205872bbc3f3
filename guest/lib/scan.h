/* scanf's conversions, from any source of characters. */
#ifndef BD0_SCAN_H
#define BD0_SCAN_H

#include <stdarg.h>
#include <stdio.h>

/** Where characters come from, one at a time; the last one that was taken can be given back. */
struct source {
  int (*get)(struct source *source);
  void (*unget)(struct source *source, int character);
};

/** Reads by `format`, whose conversions <stdio.h> lists; returns the number of stored values, or EOF. ISO C 7.21.6.2 */
int bd0_scan(struct source *source, const char *format, va_list list);

#endif
