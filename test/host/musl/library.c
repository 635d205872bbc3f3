/* The library of musl: numbers, text, sorting, patterns, time, files, directories. */
#include <complex.h>
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <locale.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

int main(int argc, char **argv) {
  setlocale(LC_ALL, "C.UTF-8");
  printf("%.12f %.15Lg %a %g\n", sin(1), expl(1), tgamma(4.5), creal(csqrt(-2)));
  char *words[] = {"pear", "fig", "apple", "date"};
  qsort(words, 4, sizeof *words, compare);
  for (int i = 0; i < 4; i++) printf("%s%c", words[i], i < 3 ? ' ' : '\n');
  regex_t pattern;
  regmatch_t match[2];
  regcomp(&pattern, "a([a-z]+)e", REG_EXTENDED);
  printf("%d %d %d\n", regexec(&pattern, "an apple", 2, match, 0), match[1].rm_so, match[1].rm_eo);
  printf("%d %zu\n", fnmatch("*.[ch]", "main.c", 0), wcslen(L"\u00e4\u00f6"));
  struct tm tm = {.tm_year = 124, .tm_mon = 1, .tm_mday = 29};
  char text[64];
  time_t seconds = mktime(&tm);
  strftime(text, sizeof text, "%Y-%m-%d %j %a", &tm);
  printf("%lld %s\n", (long long)seconds, text);
  mkdir("made", 0755);
  FILE *file = fopen("made/file", "w+");
  fprintf(file, "%s %d", "line", 7);
  rewind(file);
  int number;
  fscanf(file, "line %d", &number);
  fclose(file);
  DIR *directory = opendir("made");
  for (struct dirent *entry; (entry = readdir(directory));)
    if (entry->d_name[0] != '.') printf("%s %d\n", entry->d_name, number);
  closedir(directory);
  printf("%s %d\n", argc > 1 ? argv[1] : "", atoi(argc > 2 ? argv[2] : "0"));
  unlink("made/file");
  rmdir("made");
  return 3;
}
