/* The compiler's own limits.h holds all that a freestanding program needs; _LIBC_LIMITS_H_ keeps gcc's from looking for
   the one of a hosted C library behind it. */
#ifndef _LIBC_LIMITS_H_
#define _LIBC_LIMITS_H_
#endif
#include_next <limits.h>
