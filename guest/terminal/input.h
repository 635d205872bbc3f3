/* What is typed, a byte at a time: what the terminal does not take is there for the program that it starts. */
#ifndef TERMINAL_INPUT_H
#define TERMINAL_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/** No more input will come. */
enum { END_OF_INPUT = -1 };

/** Whether a person types and reads; set once, before anything is read. */
void begin_input(bool interactive);
bool is_interactive(void);

/** The next byte, or END_OF_INPUT. What was printed before shows first. */
int read_byte(void);

/** Gives back the byte that was read last. */
void unread_byte(int byte);

/** Whether Ctrl-C was typed meanwhile; it shows then, and what was typed before it is forgotten. */
bool is_interrupted(void);

/** Reads a line from a pipe, without its newline; false at the end of input. What exceeds `size` - 1 bytes is left out. */
bool read_plain_line(char *line, size_t size);

#endif
