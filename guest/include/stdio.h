/*
 * The console as ISO C streams (7.21). stdout is written out at the end of each call that printed a newline, when its
 * buffer is full, before stdin waits, and by fflush and exit; stderr is the same console, written out at the end of
 * each call. Any number of threads may use a stream: what one call prints stays together.
 *
 * Conversions of printf: d i u x X o c s p f F e E g G and %, with the flags - 0 + space #, width, precision, and the
 * lengths hh h l ll j z t; doubles are exact. Anything else is printed as it stands. Conversions of sscanf: d i u x X o
 * c s [ p n f e g and %, with *, width and the same lengths.
 */
#ifndef BD0_STDIO_H
#define BD0_STDIO_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EOF (-1)
#define BUFSIZ 4096

typedef long ssize_t;

typedef struct bd0_file FILE;
extern FILE bd0_stdin, bd0_stdout, bd0_stderr;
#define stdin (&bd0_stdin)
#define stdout (&bd0_stdout)
#define stderr (&bd0_stderr)

int getchar(void);
int getc(FILE *stream);
int fgetc(FILE *stream);
/** Up to 8 characters that were read can be given back. */
int ungetc(int character, FILE *stream);
char *fgets(char *__restrict line, int size, FILE *__restrict stream);
/** A whole line, its newline with it, in a block of malloc's that grows; answers its length, -1 at the end of input. */
ssize_t getline(char **__restrict line, size_t *__restrict size, FILE *__restrict stream);
size_t fread(void *__restrict items, size_t size, size_t count, FILE *__restrict stream);
int feof(FILE *stream);
int ferror(FILE *stream);
void clearerr(FILE *stream);

int putchar(int character);
int putc(int character, FILE *stream);
int fputc(int character, FILE *stream);
int puts(const char *text);
int fputs(const char *__restrict text, FILE *__restrict stream);
size_t fwrite(const void *__restrict items, size_t size, size_t count, FILE *__restrict stream);
int fflush(FILE *stream);
/** Prints `text`, unless it is NULL or empty, and what errno says. */
void perror(const char *text);

#define BD0_FORMAT(kind, text, first) __attribute__((format(kind, text, first)))
int printf(const char *__restrict format, ...) BD0_FORMAT(printf, 1, 2);
int fprintf(FILE *__restrict stream, const char *__restrict format, ...) BD0_FORMAT(printf, 2, 3);
int sprintf(char *__restrict to, const char *__restrict format, ...) BD0_FORMAT(printf, 2, 3);
int snprintf(char *__restrict to, size_t size, const char *__restrict format, ...) BD0_FORMAT(printf, 3, 4);
int vprintf(const char *__restrict format, va_list arguments) BD0_FORMAT(printf, 1, 0);
int vfprintf(FILE *__restrict stream, const char *__restrict format, va_list arguments) BD0_FORMAT(printf, 2, 0);
int vsprintf(char *__restrict to, const char *__restrict format, va_list arguments) BD0_FORMAT(printf, 2, 0);
int vsnprintf(char *__restrict to, size_t size, const char *__restrict format, va_list arguments)
    BD0_FORMAT(printf, 3, 0);
int sscanf(const char *__restrict text, const char *__restrict format, ...) BD0_FORMAT(scanf, 2, 3);
int vsscanf(const char *__restrict text, const char *__restrict format, va_list arguments) BD0_FORMAT(scanf, 2, 0);
#undef BD0_FORMAT

#ifdef __cplusplus
}
#endif

#endif
