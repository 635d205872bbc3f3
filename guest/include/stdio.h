/*
 * The console as ISO C streams (7.21). stdout is written out at the end of each call that printed a newline, when its
 * buffer is full, before stdin waits, and by fflush and exit; stderr is the same console, written out at the end of
 * each call. Any number of threads may use a stream: what one call prints stays together.
 *
 * Conversions of printf: d i u x X o b B c s p n m f F e E g G a A and %, with the flags - 0 + space #, width, precision,
 * the lengths hh h l ll L j z t, and positions (%1$d). Floating-point values are exact, rounded once. %lc and %ls print wide
 * characters as UTF-8. A letter that is not listed is printed as it stands and takes no argument. A result longer than
 * INT_MAX is -1 with EOVERFLOW.
 *
 * Conversions of scanf: d i u x X o p c s [ n a e f g and %, with *, width, the same lengths, positions, and m, which stores
 * the text in a block of malloc's. %lc and %ls read UTF-8; %l[ is not supported and stores nothing.
 *
 * Long doubles (%Lf, %La ...) are printed and read without x87 instructions. The compiler's own code for long doubles uses
 * them, however, and this CPU does not have them: only copies of a long double in memory, and exact constants that the
 * compiler stores as integers, work.
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
/** Reads a whole line with its newline into a block that realloc grows. Returns its length, or -1 at the end of input. */
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
int scanf(const char *__restrict format, ...) BD0_FORMAT(scanf, 1, 2);
int fscanf(FILE *__restrict stream, const char *__restrict format, ...) BD0_FORMAT(scanf, 2, 3);
int vscanf(const char *__restrict format, va_list arguments) BD0_FORMAT(scanf, 1, 0);
int vfscanf(FILE *__restrict stream, const char *__restrict format, va_list arguments) BD0_FORMAT(scanf, 2, 0);
int sscanf(const char *__restrict text, const char *__restrict format, ...) BD0_FORMAT(scanf, 2, 3);
int vsscanf(const char *__restrict text, const char *__restrict format, va_list arguments) BD0_FORMAT(scanf, 2, 0);
#undef BD0_FORMAT

#ifdef __cplusplus
}
#endif

#endif
