/* Memory, numbers, sorting and the end of a program, as in ISO C 7.22. */
#ifndef BD0_STDLIB_H
#define BD0_STDLIB_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX 0x7fffffff

/** Blocks are aligned to 16 bytes, or as aligned_alloc requests. No thread waits for another one in any of the five;
    <malloc.h> says more. */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void *aligned_alloc(size_t align, size_t size);
void free(void *block);

/** Numbers of base 2 to 36, or 0 for what the prefix says; out of range gives the nearest that is in it, and ERANGE. */
long strtol(const char *__restrict text, char **__restrict end, int base);
unsigned long strtoul(const char *__restrict text, char **__restrict end, int base);
long long strtoll(const char *__restrict text, char **__restrict end, int base);
unsigned long long strtoull(const char *__restrict text, char **__restrict end, int base);
int atoi(const char *text);
long atol(const char *text);
long long atoll(const char *text);
/** The double or float nearest to the number, decimal or hexadecimal; of two the even one. There is no strtold: it would
    return its value in an x87 register. scanf's %Lf stores one in memory. */
double strtod(const char *__restrict text, char **__restrict end);
float strtof(const char *__restrict text, char **__restrict end);
double atof(const char *text);

typedef struct {
  int quot;
  int rem;
} div_t;
typedef struct {
  long quot;
  long rem;
} ldiv_t;
typedef struct {
  long long quot;
  long long rem;
} lldiv_t;

int abs(int value);
long labs(long value);
long long llabs(long long value);
div_t div(int dividend, int divisor);
ldiv_t ldiv(long dividend, long divisor);
lldiv_t lldiv(long long dividend, long long divisor);

typedef int bd0_comparison(const void *left, const void *right);
/** In place and in n log n steps for whatever items; the order of equal ones is any. */
void qsort(void *items, size_t count, size_t size, bd0_comparison *compare);
void *bsearch(const void *key, const void *items, size_t count, size_t size, bd0_comparison *compare);

/** The same numbers in every run, 0 to RAND_MAX; threads that call it at once get different ones. */
int rand(void);
void srand(unsigned seed);

/** There is no environment: NULL. */
char *getenv(const char *name);

/** Called by exit, the last one first. */
int atexit(void (*function)(void));
/** Calls what atexit was given and the destructors, writes out stdout, and ends the process: all its threads. */
__attribute__((__noreturn__)) void exit(int code);
/** Ends the process at once. */
__attribute__((__noreturn__)) void _Exit(int code);
/** Ends the process at once, with the exit code that a shell gives for SIGABRT. */
__attribute__((__noreturn__)) void abort(void);

#ifdef __cplusplus
}
#endif

#endif
