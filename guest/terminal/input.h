/* Input, one byte at a time: the programs that the terminal starts read what it leaves. */
#ifndef TERMINAL_INPUT_H
#define TERMINAL_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/** No more input will come. */
enum { END_OF_INPUT = -1 };

/** Call once, before anything is read; `interactive`: a person types and reads. */
void begin_input(bool interactive);
bool is_interactive(void);

/** The next byte, or END_OF_INPUT. Flushes the output first. */
int read_byte(void);

/** Puts back the byte that was read last. */
void unread_byte(int byte);

/** Whether Ctrl-C was typed in the meantime. If so, shows it and discards what was typed before it. */
bool is_interrupted(void);

/** Reads a line from a pipe, without its newline; false at the end of input. Cuts it to `size` - 1 bytes. */
bool read_plain_line(char *line, size_t size);

#endif
