/** String functions of the C library at every length and alignment, and text from and to numbers. */
#include "report.h"
#include <ctype.h>
#include <math.h>
#include <wchar.h>

enum { SIZE = 700 };

static char text[SIZE + 64], other[SIZE + 64];

static void fill(char *to, int length, int letters) {
  for (int i = 0; i < length; i++) to[i] = (char)('a' + below((uint32_t)letters));
  to[length] = 0;
}

static int sign(int x) { return (x > 0) - (x < 0); }

static uint64_t total;
static void add(uint64_t x) { total = total * 1000003u + x; }
static void add_pointer(const char *found, const char *start) { add(found ? (uint64_t)(found - start) : ~0ull); }

static void memory(int from, int to, int length) {
  char copy[SIZE + 64];
  memset(copy, from, sizeof copy);
  memcpy(copy + to, text + from, (size_t)length);
  memmove(copy + to + from % 7, copy + to, (size_t)length);
  memset(copy + from, length, (size_t)(length / 2));
  add(hash(copy, sizeof copy));
  add((uint64_t)sign(memcmp(text + from, other + to, (size_t)length)));
  add_pointer(memchr(text + from, 'e', (size_t)length), text);
  add_pointer(memrchr(text + from, 'e', (size_t)length), text);
  add_pointer(memmem(text + from, (size_t)length, other + to, 2), text);
}

static void searches(int from, int length) {
  char *s = text + from, *o = other + from % 13;
  fill(s, length, 4);
  fill(o, length, 4);
  int same = (int)below((uint32_t)length + 1);
  memcpy(o, s, (size_t)same);
  add(strlen(s) + strnlen(s, 17));
  add((uint64_t)sign(strcmp(s, o)) + (uint64_t)sign(strncmp(s, o, (size_t)same)) * 3);
  add((uint64_t)sign(strcasecmp(s, o)));
  add_pointer(strchr(s, 'd'), s);
  add_pointer(strrchr(s, 'd'), s);
  add_pointer(strstr(s, "abca"), s);
  add(strspn(s, "abc") + 1000 * strcspn(s, "d"));
  add_pointer(strpbrk(s, "cd"), s);
  char copy[2 * SIZE + 128];
  strcpy(copy, s), strncat(copy, o, 9), strncpy(copy + 3, o, 20);
  add(hash(copy, strlen(copy)));
  char *rest = copy;
  for (char *part; (part = strsep(&rest, "b")) != NULL;) add(hash(part, strlen(part)));
}

static void numbers(void) {
  char line[400];
  for (int i = 0; i < 300; i++) {
    double x = fraction() * pow(10, (int)below(80) - 40);
    int64_t n = (int64_t)(next() >> below(64));
    int length = snprintf(line, sizeof line, "%.17g %a %e %.3f %lld %#llx %o %08d|%-9s|%+.5d %c", x, x, x, fmod(x, 1e6),
                          (long long)n, (long long)n, (unsigned)n, (int)n, "text", (int)(n % 1000), 'x');
    add(hash(line, (size_t)length));
    double back, hexadecimal;
    long long decimal;
    add((uint64_t)sscanf(line, "%lf %la %*s %*s %lld", &back, &hexadecimal, &decimal));
    add((uint64_t)(back == x) + 2 * (uint64_t)(hexadecimal == x) + 4 * (uint64_t)(decimal == n));
    length = snprintf(line, sizeof line, "%.20Lg %La %ld", (long double)x / 3, (long double)n / 7, strtol(line, NULL, 10));
    add(hash(line, (size_t)length));
    add((uint64_t)(strtold(line, NULL) * 1e6L) + (uint64_t)(strtof(line, NULL) > 0.5f));
  }
}

int main(int argc, char **argv) {
  begin(argc, argv);
  fill(text, SIZE, 9);
  fill(other, SIZE, 9);
  for (int length = 0; length < 300; length += 1 + length / 24) memory((int)below(33), (int)below(33), length);
  printf("memory %016llx\n", (unsigned long long)total);
  for (int length = 1; length < 300; length += 1 + length / 24) searches((int)below(33), length);
  printf("searches %016llx\n", (unsigned long long)total);
  numbers();
  printf("numbers %016llx\n", (unsigned long long)total);
  for (int i = 0; i < 256; i++) add((uint64_t)(!!isalpha(i) + 2 * !!isspace(i) + 4 * !!isxdigit(i)) + (uint64_t)toupper(i));
  wchar_t wide[64] = L"", needle[] = L"word";
  swprintf(wide, 64, L"%d wide %ls %f", 7, L"words", 0.125);
  add(wcslen(wide) + (uint64_t)(wcsstr(wide, needle) - wide) + (uint64_t)wcstol(wide, NULL, 10));
  printf("all %016llx\n", (unsigned long long)total);
  return 0;
}
