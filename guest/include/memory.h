/* The old name of <string.h>. */
#ifndef BD0_MEMORY_H
#define BD0_MEMORY_H

#include <string.h>

#endif
