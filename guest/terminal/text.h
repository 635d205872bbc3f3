/* Words, numbers and sizes, as they are typed and shown. */
#ifndef TERMINAL_TEXT_H
#define TERMINAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORDS_MAX = 64, TEXT_SIZE = 32 };

struct word {
  char *text;
  bool is_quoted; /* some of it was in quotes */
};

/** A command line in words. */
struct words {
  struct word word[WORDS_MAX + 1]; /* the text after the last one is NULL */
  size_t count;
  bool in_background; /* & ended the line */
};

/** Splits a line in place at blanks. '...' and "..." keep blanks and operators; inside "...", \ escapes a quote or a \.
    Returns what is wrong with the line, or NULL. */
const char *split_words(char *line, struct words *words);

/** A number: decimal, or hexadecimal with 0x. False for anything else, and for more than 64 bits. */
bool parse_number(const char *text, uint64_t *number);
/** An address: hexadecimal, with or without 0x. */
bool parse_address(const char *text, uint64_t *address);
/** A size: 4096, 64KB, 1.5GB, 32gb; powers of 1024, rounded up. */
bool parse_size(const char *text, uint64_t *size);
/** The value of a hexadecimal digit, or -1. */
int hex_digit(char digit);

/** A size in three digits or so: 17, 64 KB, 1.5 GB. */
const char *size_text(uint64_t size, char text[TEXT_SIZE]);
/** A pid: its slot, and after a dot how many processes had that before, if any. */
const char *pid_text(uint64_t pid, char text[TEXT_SIZE]);
/** A pid as `pid_text` shows it, or as one number. */
bool parse_pid(const char *text, uint64_t *pid);

/** How many columns UTF-8 takes on a terminal. */
size_t columns_of(const char *bytes, size_t n);
/** How many bytes a UTF-8 character has, by its first byte: 1 to 4. */
size_t character_bytes(char first);
/** Whether a byte is not the first one of a UTF-8 character. */
bool is_continuation(char byte);

#endif
