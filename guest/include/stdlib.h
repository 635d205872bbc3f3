/* Memory, numbers and the end of a program, as in ISO C 7.22. */
#ifndef BD0_STDLIB_H
#define BD0_STDLIB_H

#include <stddef.h>

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1

/** Blocks are aligned to 16 bytes. All four are lock-free. */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);

/** Numbers of base 2 to 36, or 0 for what the prefix says; out of range gives the nearest that is in it. */
long strtol(const char *restrict text, char **restrict end, int base);
unsigned long strtoul(const char *restrict text, char **restrict end, int base);
long long strtoll(const char *restrict text, char **restrict end, int base);
unsigned long long strtoull(const char *restrict text, char **restrict end, int base);
int atoi(const char *text);
long atol(const char *text);

/** Writes out stdout and ends the process. */
_Noreturn void exit(int code);
/** Ends the process at once, with the exit code that a shell gives for SIGABRT. */
_Noreturn void abort(void);

#endif
