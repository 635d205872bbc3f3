/*
 * malloc and its relatives of <stdlib.h>, and the size of a block. Free neighbours become one block again, and what is left
 * of a block that was too large stays free. Threads never wait for each other: a thread that is stopped in the middle of one
 * of these functions keeps the others from the free blocks that it may be changing, and they take fresh memory instead.
 */
#ifndef BD0_MALLOC_H
#define BD0_MALLOC_H

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of a block that may be used: at least as many as were requested. 0 for NULL. */
size_t malloc_usable_size(void *block);

/** aligned_alloc, with its arguments in the same order. */
void *memalign(size_t align, size_t size);

#ifdef __cplusplus
}
#endif

#endif
