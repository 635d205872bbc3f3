/*
 * terminal: starts programs and inspects them, using only kernel calls. With -i a person types: it prompts and offers line
 * editing, for a screen of 80 columns, or as many as follow -i. Without -i it reads commands from a pipe.
 */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "input.h"
#include "jobs.h"
#include "line-editor.h"
#include "nearest.h"

static void clock_command(const struct arguments *arguments) {
  (void)arguments;
  uint64_t ns = (uint64_t)bd0_clock();
  printf("%llu.%09llu s since the machine started\n", (unsigned long long)(ns / 1000000000),
         (unsigned long long)(ns % 1000000000));
}

static const struct command *find_command(const char *name) {
  for (const struct command *command = commands; command->name != NULL; command++)
    if (strcmp(command->name, name) == 0) return command;
  return NULL;
}

static void consider_commands(struct nearest *nearest) {
  for (const struct command *command = commands; command->name != NULL; command++) consider(command->name, nearest);
}

static void help_command(const struct arguments *arguments) {
  enum { COLUMN = 32 };
  if (arguments->count == 0) {
    for (const struct command *command = commands; command->name != NULL; command++) {
      int width = printf("%s %s", command->name, command->usage);
      printf("%*s%s\n", width < COLUMN ? COLUMN - width : 1, "", command->help);
    }
    puts("\nhelp COMMAND shows more. PID is a number that ps shows, a job (%1) or a name.\n"
         "Ctrl-C ends the running program, Ctrl-D the terminal.");
    return;
  }
  const char *name = arguments->word[0].text;
  const struct command *command = find_command(name);
  if (command == NULL) {
    struct nearest nearest;
    begin_nearest(&nearest, name);
    consider_commands(&nearest);
    const char *meant = nearest_word(&nearest);
    if (meant == NULL) return complain(arguments, "no such command: %s", name);
    return complain(arguments, "no such command: %s; did you mean '%s'?", name, meant);
  }
  printf("%s%s%s: %s\n", name, *command->usage == 0 ? "" : " ", command->usage, command->help);
  if (command->details != NULL) puts(command->details);
}

static void exit_command(const struct arguments *arguments) {
  uint64_t code = 0;
  if (arguments->count > 0 && (!parse_number(arguments->word[0].text, &code) || code > 255))
    return complain(arguments, "'%s' is not an exit code: 0 to 255", arguments->word[0].text);
  exit((int)code);
}

const struct command commands[] = {
    {"start", "NAME [OPTIONS] [ARGS] [&]", "run a program",
     "  -L SIZE   its region: 4096, 64KB, 1.5GB; 1GB by default\n"
     "  -d        debug mode: stop it before it writes to memory that is not its own\n"
     "  -s PID    run it in the region of that process\n"
     "  --        end of the options\n"
     "  &         run it in the background",
     1, WORDS_MAX, start_command},
    {"ps", "", "list the processes", NULL, 0, 0, ps_command},
    {"kill", "PID [CODE]", "end a process", "Its exit code is 143, or CODE.", 1, 2, kill_command},
    {"wait", "PID", "wait until a process ends", "Ctrl-C ends the process.", 1, 1, wait_command},
    {"map", "[PID]", "show the address space, or a process", NULL, 0, 1, map_command},
    {"mem", "", "show how much memory the processes use", NULL, 0, 0, mem_command},
    {"heap", "PID", "show the heap pointer and stack floor", NULL, 1, 1, heap_command},
    {"ls", "", "list the names and their sizes", NULL, 0, 0, ls_command},
    {"cat", "NAME", "print the content of a name", NULL, 1, 1, cat_command},
    {"hash", "NAME", "print the ID of a name's content", NULL, 1, 1, hash_command},
    {"commit", "PID NAME", "save a process's memory as a name", "Its image and heap, as they are now.", 2, 2, commit_command},
    {"peek", "ADDR [SIZE]", "show memory of any process",
     "ADDR is hexadecimal. Shows 64 bytes, or SIZE; Ctrl-C stops.", 1, 2, peek_command},
    {"poke", "ADDR BYTES...", "change memory of any process",
     "ADDR is hexadecimal. BYTES are hexadecimal or quoted: 0a ff, 0aff, \"text\".",
     2, WORDS_MAX, poke_command},
    {"who", "ADDR", "show which thread last wrote there",
     "Only threads in debug mode that wrote to memory that is not their own.", 1, 1, who_command},
    {"clock", "", "print the machine's time", NULL, 0, 0, clock_command},
    {"help", "[COMMAND]", "list the commands, or explain one", NULL, 0, 1, help_command},
    {"exit", "[CODE]", "end the terminal and the machine", NULL, 0, 1, exit_command},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static void report_unknown(const char *name) {
  int64_t vmo = bd0_name_lookup(name);
  if (!bd0_is_error(vmo)) {
    bd0_vmo_close(vmo);
    printf("%s: no such command; to run the program: start %s\n", name, name);
    return;
  }
  struct nearest nearest;
  begin_nearest(&nearest, name);
  consider_commands(&nearest);
  const char *meant = nearest_word(&nearest), *start = "";
  if (meant == NULL) {
    for_each_name(consider, &nearest);
    meant = nearest_word(&nearest);
    start = "start ";
  }
  if (meant == NULL) printf("%s: no such command (help lists them)\n", name);
  else printf("%s: no such command; did you mean '%s%s'?\n", name, start, meant);
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
  if (command == NULL) return report_unknown(name);
  struct arguments arguments = {name, words.word + 1, words.count - 1, words.in_background};
  if (arguments.count < command->least || arguments.count > command->most)
    printf("%s: usage: %s%s%s\n", name, name, *command->usage == 0 ? "" : " ", command->usage);
  else if (arguments.in_background && command->perform != start_command)
    complain(&arguments, "only programs can run in the background");
  else command->perform(&arguments);
}

/** Names that begin with a word, ascending. The list is read once for the candidates of a word. */
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
  uint64_t columns;
  if (argc > 2 && parse_number(argv[2], &columns)) set_columns(columns);
  if (is_interactive()) puts("BD0. help lists the commands; Ctrl-D quits.");
  for (;;) {
    report_ended_jobs();
    if (!(is_interactive() ? edit_line("> ", line, candidate) : read_plain_line(line, sizeof line))) break;
    perform(line);
  }
  return 0;
}
