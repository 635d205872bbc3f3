/*
 * The console as ISO C streams (7.21). stdout is written out at the end of each call that printed a newline, when its
 * buffer is full, before stdin waits, and by fflush and exit; stderr is the same console, written out at the end of
 * each call. One thread at a time may use a stream.
 *
 * Conversions of printf: d i u x X o c s p f F and %, with the flags - 0 + space #, width, precision, and the lengths
 * hh h l ll j z t; doubles are exact. Anything else is printed as it stands.
 */
#ifndef BD0_STDIO_H
#define BD0_STDIO_H

#include <stdarg.h>
#include <stddef.h>

#define EOF (-1)

typedef struct bd0_file FILE;
extern FILE bd0_stdin, bd0_stdout, bd0_stderr;
#define stdin (&bd0_stdin)
#define stdout (&bd0_stdout)
#define stderr (&bd0_stderr)

int getchar(void);
int getc(FILE *stream);
int fgetc(FILE *stream);
char *fgets(char *restrict line, int size, FILE *restrict stream);
size_t fread(void *restrict items, size_t size, size_t count, FILE *restrict stream);
int feof(FILE *stream);

int putchar(int character);
int putc(int character, FILE *stream);
int fputc(int character, FILE *stream);
int puts(const char *text);
int fputs(const char *restrict text, FILE *restrict stream);
size_t fwrite(const void *restrict items, size_t size, size_t count, FILE *restrict stream);
int fflush(FILE *stream);

#define BD0_PRINTF(text, first) __attribute__((format(printf, text, first)))
int printf(const char *restrict format, ...) BD0_PRINTF(1, 2);
int fprintf(FILE *restrict stream, const char *restrict format, ...) BD0_PRINTF(2, 3);
int sprintf(char *restrict to, const char *restrict format, ...) BD0_PRINTF(2, 3);
int snprintf(char *restrict to, size_t size, const char *restrict format, ...) BD0_PRINTF(3, 4);
int vprintf(const char *restrict format, va_list arguments) BD0_PRINTF(1, 0);
int vfprintf(FILE *restrict stream, const char *restrict format, va_list arguments) BD0_PRINTF(2, 0);
int vsnprintf(char *restrict to, size_t size, const char *restrict format, va_list arguments) BD0_PRINTF(3, 0);
#undef BD0_PRINTF

#endif
