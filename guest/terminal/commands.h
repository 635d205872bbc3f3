/* The commands of the terminal. */
#ifndef TERMINAL_COMMANDS_H
#define TERMINAL_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

/** A command line after the name of the command: count words, then a NULL. */
struct arguments {
  const char *command; /* begins its messages */
  const struct word *word;
  size_t count;
  bool in_background;
};

struct command {
  const char *name;
  const char *usage; /* its arguments */
  const char *help; /* one line */
  const char *details; /* more lines for `help NAME`, or NULL */
  size_t least, most; /* arguments */
  void (*perform)(const struct arguments *arguments);
};

/** All commands, in the order of the help; the name after the last one is NULL. */
extern const struct command commands[];

void start_command(const struct arguments *arguments);
void ps_command(const struct arguments *arguments);
void kill_command(const struct arguments *arguments);
void wait_command(const struct arguments *arguments);
void map_command(const struct arguments *arguments);
void mem_command(const struct arguments *arguments);
void heap_command(const struct arguments *arguments);
void peek_command(const struct arguments *arguments);
void poke_command(const struct arguments *arguments);
void who_command(const struct arguments *arguments);
void ls_command(const struct arguments *arguments);
void cat_command(const struct arguments *arguments);
void hash_command(const struct arguments *arguments);
void commit_command(const struct arguments *arguments);

/* Common parts. Each prints one line if it fails. */

/** Prints `COMMAND: ` and a message. */
__attribute__((format(printf, 2, 3))) void complain(const struct arguments *arguments, const char *format, ...);

/** Reports that there is no such name, with the nearest one if there is any. */
void complain_no_name(const struct arguments *arguments, const char *name);

/** The reason for a negative result of a kernel call, in words. */
const char *reason(int64_t result);

/** Calls `visit` for every name, ascending, until Ctrl-C is typed. */
void for_each_name(void (*visit)(const char *name, void *context), void *context);

struct bd0_process_info;
/** The process of a word: a pid, a job (%1) or a name. */
bool find_process(const struct arguments *arguments, size_t index, struct bd0_process_info *info);
/** Calls `visit` for every live process, by pid. */
void for_each_process(void (*visit)(const struct bd0_process_info *info, void *context), void *context);
/** The address of a word. */
bool address_at(const struct arguments *arguments, size_t index, uint64_t *address);

/** Copies memory of any process; false if not all of it can be read. */
bool read_memory(uint64_t address, void *bytes, size_t n);
/** Changes memory of any process; false if not all of it can be written. */
bool write_memory(uint64_t address, const void *bytes, size_t n);

#endif
