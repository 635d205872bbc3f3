/* Output of test programs: unbuffered, so that processes and handlers that write take turns. */
#ifndef SAY_H
#define SAY_H

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static void say(const char *format, ...) {
  char line[1024];
  va_list list;
  va_start(list, format);
  int length = vsnprintf(line, sizeof line, format, list);
  va_end(list);
  if (write(1, line, length) != length) _exit(99);
}

#endif
