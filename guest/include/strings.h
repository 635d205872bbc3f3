/* What POSIX adds to <string.h>: comparison without regard to case, in ASCII. */
#ifndef BD0_STRINGS_H
#define BD0_STRINGS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

int strcasecmp(const char *left, const char *right);
int strncasecmp(const char *left, const char *right, size_t n);

#ifdef __cplusplus
}
#endif

#endif
