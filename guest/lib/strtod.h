/* Long doubles from text, without x87 arithmetic. */
#ifndef BD0_STRTOD_H
#define BD0_STRTOD_H

#include "real.h"

/** strtold, with its value as it lies in memory: scanf stores it, and loads nothing. */
struct extended bd0_strtold(const char *text, char **end);

#endif
