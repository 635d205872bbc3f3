/*
 * terminal: starts programs and looks at them. It uses nothing but kernel-calls. With -i it talks to a person: it prompts,
 * and lets lines be edited; without, it reads commands from a pipe.
 */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "input.h"
#include "jobs.h"
#include "line-editor.h"

static void clock_command(const struct arguments *arguments) {
  (void)arguments;
  uint64_t ns = (uint64_t)bd0_clock();
  printf("%llu.%09llu s since the machine started\n", (unsigned long long)(ns / 1000000000),
         (unsigned long long)(ns % 1000000000));
}

static void help_command(const struct arguments *arguments) {
  (void)arguments;
  enum { COLUMN = 21 };
  for (const struct command *command = commands; command->name != NULL; command++) {
    int width = printf("%s %s", command->name, command->usage);
    printf("%*s%s\n", width < COLUMN ? COLUMN - width : 1, "", command->help);
  }
  puts("\nPID is what ps shows, or a name. SIZE is 4096, 64KB, 1.5GB and the like. ADDR is\n"
       "hexadecimal. Ctrl-C ends the program that runs, Ctrl-D the terminal.");
}

static void exit_command(const struct arguments *arguments) {
  uint64_t code = 0;
  if (arguments->count > 0 && (!parse_number(arguments->word[0].text, &code) || code > 255))
    return complain(arguments, "'%s' is no exit code: they are 0 to 255", arguments->word[0].text);
  exit((int)code);
}

const struct command commands[] = {
    {"start", "NAME [-L SIZE] [-d] [-s PID] [ARGS...] [&]",
     "runs a program\n"
     "  -L SIZE            its region; 1GB if not given\n"
     "  -d                 in debug mode: stopped before it writes what is not its own\n"
     "  -s PID             it lives in the region of that process\n"
     "  &                  the terminal goes on at once",
     1, WORDS_MAX, start_command},
    {"ps", "", "the processes", 0, 0, ps_command},
    {"kill", "PID [CODE]", "ends a process, with exit code 143 or CODE", 1, 2, kill_command},
    {"wait", "PID", "waits for the end of a process", 1, 1, wait_command},
    {"map", "[PID]", "who lives where; the parts of a process", 0, 1, map_command},
    {"mem", "", "what memory the processes take", 0, 0, mem_command},
    {"heap", "PID", "the heap pointer and the stack floor", 1, 1, heap_command},
    {"ls", "", "the names, and how many bytes they stand for", 0, 0, ls_command},
    {"cat", "NAME", "the bytes of a name", 1, 1, cat_command},
    {"hash", "NAME", "the identity of what a name stands for", 1, 1, hash_command},
    {"commit", "PID NAME", "image and heap of a process, as they are now, get a name", 2, 2, commit_command},
    {"peek", "ADDR [N]", "N bytes of memory, anybody's", 1, 2, peek_command},
    {"poke", "ADDR BYTES", "writes there: 0a ff, 0aff or \"text\"", 2, WORDS_MAX, poke_command},
    {"who", "ADDR", "who wrote there last, in debug mode, from outside", 1, 1, who_command},
    {"clock", "", "the time of the machine", 0, 0, clock_command},
    {"help", "", "this text", 0, 0, help_command},
    {"exit", "[CODE]", "ends the terminal, and with it the machine", 0, 1, exit_command},
    {NULL, NULL, NULL, 0, 0, NULL},
};

static const struct command *find_command(const char *name) {
  for (const struct command *command = commands; command->name != NULL; command++)
    if (strcmp(command->name, name) == 0) return command;
  return NULL;
}

static void tell_unknown(const char *name) {
  int64_t vmo = bd0_name_lookup(name);
  if (bd0_is_error(vmo)) {
    printf("%s: there is no such command; help lists them\n", name);
    return;
  }
  bd0_vmo_close(vmo);
  printf("%s: there is no such command; start %s runs the program\n", name, name);
}

static void perform(char *line) {
  struct words words;
  const char *wrong = split_words(line, &words);
  if (wrong != NULL) {
    printf("terminal: %s\n", wrong);
    return;
  }
  if (words.count == 0) return;
  const char *name = words.word[0].text;
  const struct command *command = find_command(name);
  if (command == NULL) return tell_unknown(name);
  struct arguments arguments = {name, words.word + 1, words.count - 1, words.in_background};
  if (arguments.count < command->least || arguments.count > command->most)
    printf("%s: it is used so: %s %s\n", name, name, command->usage);
  else if (arguments.in_background && command->perform != start_command)
    complain(&arguments, "only programs can run in the background");
  else command->perform(&arguments);
}

/** Names that begin with a word, ascending; the list is asked for once for the candidates of a word. */
static const char *name_candidate(const char *word, size_t index) {
  enum { NAMES_MAX = 256 };
  static struct bd0_name names[NAMES_MAX];
  size_t found = 0;
  if (index == 0) {
    memset(names, 0, sizeof names);
    bd0_name_list(names, NAMES_MAX, 0);
  }
  for (size_t i = 0; i < NAMES_MAX && names[i].name[0] != 0; i++)
    if (strncmp(names[i].name, word, strlen(word)) == 0 && found++ == index) return names[i].name;
  return NULL;
}

static const char *candidate(const char *word, bool is_first_word, size_t index) {
  if (!is_first_word) return name_candidate(word, index);
  size_t found = 0;
  for (const struct command *command = commands; command->name != NULL; command++)
    if (strncmp(command->name, word, strlen(word)) == 0 && found++ == index) return command->name;
  return NULL;
}

int main(int argc, char **argv) {
  static char line[LINE_SIZE];
  begin_input(argc > 1 && strcmp(argv[1], "-i") == 0);
  if (is_interactive()) puts("BD0. help lists the commands; Ctrl-A x quits.");
  for (;;) {
    tell_ended_jobs();
    if (!(is_interactive() ? edit_line("> ", line, candidate) : read_plain_line(line, sizeof line))) break;
    perform(line);
  }
  return 0;
}
