/* Strings and memory, as in ISO C 7.24, and what POSIX adds to that. */
#ifndef BD0_STRING_H
#define BD0_STRING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void *memcpy(void *__restrict to, const void *__restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *left, const void *right, size_t n);
void *memchr(const void *bytes, int byte, size_t n);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t n);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t n);
int strcoll(const char *left, const char *right);
size_t strxfrm(char *__restrict to, const char *__restrict from, size_t n);
char *strcpy(char *__restrict to, const char *__restrict from);
char *stpcpy(char *__restrict to, const char *__restrict from);
char *strncpy(char *__restrict to, const char *__restrict from, size_t n);
char *strcat(char *__restrict to, const char *__restrict from);
char *strncat(char *__restrict to, const char *__restrict from, size_t n);
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
char *strstr(const char *text, const char *part);
size_t strspn(const char *text, const char *accepted);
size_t strcspn(const char *text, const char *refused);
char *strpbrk(const char *text, const char *accepted);
/** One thread at a time may use strtok; any number strtok_r. */
char *strtok(char *__restrict text, const char *__restrict separators);
char *strtok_r(char *__restrict text, const char *__restrict separators, char **__restrict rest);
/** Both copies are malloc's. */
char *strdup(const char *text);
char *strndup(const char *text, size_t n);
/** The text of an error; that of one which is not known is the thread's, until its next call. */
char *strerror(int error);

/* -ffreestanding makes the compiler forget what these names mean; this lets it expand short ones in place again. */
#define memcpy(...) __builtin_memcpy(__VA_ARGS__)
#define memmove(...) __builtin_memmove(__VA_ARGS__)
#define memset(...) __builtin_memset(__VA_ARGS__)
#define memcmp(...) __builtin_memcmp(__VA_ARGS__)
#define strlen(...) __builtin_strlen(__VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
