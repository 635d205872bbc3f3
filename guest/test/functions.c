/*
 * functions [N]: what the C library makes of N random inputs (300 if not told) of each kind: strings, characters, text
 * that becomes numbers and numbers that become text, sorting, the end of a program. On Linux the host's library answers,
 * on BD0 the guest's own; a test compares the two, byte for byte.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "random.h"

static int sign_of(int value) {
  return (value > 0) - (value < 0);
}

/** A text of fewer than `limit` characters out of a few. */
static void random_text(char *text, unsigned limit, const char *alphabet) {
  unsigned length = below(limit);
  for (unsigned at = 0; at < length; at++) text[at] = alphabet[below((unsigned)strlen(alphabet))];
  text[length] = 0;
}

static void print_kinds(void) {
  static int (*const kinds[])(int) = {isalnum, isalpha, isblank, iscntrl, isdigit, isgraph,
                                      islower, isprint, ispunct, isspace, isupper, isxdigit};
  for (int character = EOF; character < 256; character++) {
    unsigned bits = 0;
    for (unsigned kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++)
      bits |= (unsigned)(kinds[kind](character) != 0) << kind;
    printf("%x %d %d\n", bits, tolower(character), toupper(character));
  }
}

static void print_spans(const char *left, const char *right, unsigned n) {
  const char *found = strpbrk(left, right);
  printf("%zu %zu %ld %zu ", strspn(left, right), strcspn(left, right), found == NULL ? -1L : (long)(found - left),
         strnlen(left, n));
  printf("%d %d %d ", sign_of(strcasecmp(left, right)), sign_of(strncasecmp(left, right, n)),
         sign_of(strcoll(left, right)));
}

static void print_copies(const char *left, const char *right, unsigned n) {
  char copy[80];
  char *end = stpcpy(copy, left);
  printf("%ld %s ", (long)(end - copy), strncat(copy, right, n));
  size_t length = strxfrm(copy, right, sizeof copy);
  char *whole = strdup(left), *part = strndup(left, n);
  printf("%zu %s [%s] [%s] ", length, copy, whole, part);
  free(whole);
  free(part);
}

static void print_strings(int cases) {
  for (int i = 0; i < cases; i++) {
    char left[24], right[8], parts[24], *rest;
    random_text(left, 20, "abAB, \xe4");
    random_text(right, 5, "abB,\xe4");
    unsigned n = below(10);
    print_spans(left, right, n);
    print_copies(left, right, n);
    random_text(parts, 20, "ab,;");
    strcpy(left, parts);
    for (char *part = strtok_r(parts, ",;", &rest); part != NULL; part = strtok_r(NULL, ",;", &rest)) printf("<%s>", part);
    for (char *part = strtok(left, ";"); part != NULL; part = strtok(NULL, ",")) printf("{%s}", part);
    printf("\n");
  }
}

static void print_errors(void) {
  static const int errors[] = {0,      ENOENT, ESRCH,  ENOEXEC, EBADF, EAGAIN,  ENOMEM, EFAULT,  EBUSY,  EEXIST,
                               EINVAL, ENOSPC, EDOM,   ERANGE,  ENOSYS, EDEADLK, ENODATA, EILSEQ, ETIMEDOUT, 9999, -1};
  for (unsigned i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    printf("%d %s\n", errors[i], strerror(errors[i]));
    fflush(stdout);
    errno = errors[i];
    perror(i % 2 == 0 ? "so" : "");
  }
}

static void print_whole_number(const char *text, int base) {
  char *end = (char *)text;
  errno = 0;
  long value = strtol(text, &end, base);
  printf("%ld %d %d ", value, (int)(end - text), errno);
  errno = 0;
  unsigned long long magnitude = strtoull(text, &end, base);
  printf("%llu %d %d ", magnitude, (int)(end - text), errno);
  printf("%" PRIdMAX " %" PRIuMAX " %lld\n", strtoimax(text, NULL, base), strtoumax(text, NULL, base), atoll("-99999999999"));
}

static void print_whole_numbers(int cases) {
  static const int bases[] = {0, 2, 7, 8, 10, 16, 36};
  for (int i = 0; i < cases; i++) {
    char text[30];
    random_text(text, 28, "0123456789789afx-+ ");
    print_whole_number(text, bases[i % 7]);
  }
  print_whole_number("12", 37);
  print_whole_number("12", 1);
}

static void print_double(double value) {
  printf("%e|%.0e|%.1e|%.3E|%.17e|%g|%G|%.0g|%.3g|%.17g|%#.17g|%#.16g\n", value, value, value, value, value, value, value,
         value, value, value, value, value);
  printf("[%14.3e][%-14.3e][%014.3e][%+.2e][% .2g][%+012.2g][%#.0e][%10g][%.40e]\n", value, value, value, value, value,
         value, value, value, value);
}

static void read_double(const char *text) {
  char *end;
  errno = 0;
  double value = strtod(text, &end);
  printf("%s: %.17g %d %d\n", text, value, (int)(end - text), errno);
}

static double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void print_doubles(int cases) {
  static const double values[] = {0.0,    -0.0,  1,     10,    100000, 999999, 1000000, 9.5,     99.5,   0.1,
                                  0.0001, 1e-5,  5e-324, 1e308, 1e22,  1e23,   123456,   1234567, 0.00095, 2.5e-5, 1e100,
                                  9.9999995, 0.5, 1.5, 2.5, 1e15, 1e16, 1e17, 4.35, 2.675, 1.005};
  for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) print_double(values[i]);
  print_double(__builtin_inf());
  print_double(-__builtin_inf());
  printf("%.1100e\n%.1200g\n", double_of(0x000fffffffffffff), double_of(0x000fffffffffffff));
  for (int i = 0; i < cases; i++) {
    uint64_t bits = random64();
    char text[1200];
    if ((bits >> 52 & 0x7ff) == 0x7ff) continue;
    double value = double_of(bits);
    print_double(value);
    print_double((double)below(1000000) / 1000);
    snprintf(text, sizeof text, "%.*e", (int)below(25), value);
    read_double(text);
    snprintf(text, sizeof text, "%.*f", (int)below(20), (double)(bits % 100000) / 64);
    read_double(text);
  }
}

static void read_doubles(int cases) {
  static const char *const texts[] = {
      "", ".", "-", "+.5", "5.", "1e", "1e+", "1e5x", " 1", "\t-2.5e-3z", "e5", ".e5", "inf", "-INFINITY", "infinit",
      "nan", "NAN(abc)", "nan(x", "0x", "0x.", "0x1p3", "0x1.8p-1", "0X.8", "0x1p", "0x1.fffffffffffff8p0",
      "0x1.fffffffffffff7p1023", "0x1.fffffffffffff8p1023", "0x1p1024", "0x1p-1074", "0x1p-1075", "0x1.8p-1075",
      "1e308", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e309", "1e99999",
      "-1e99999", "1e-99999", "4.9406564584124654e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1e-324",
      "2.2250738585072011e-308", "2.2250738585072014e-308", "2.2250738585072012e-308", "9007199254740993",
      "9007199254740993.0000000000000000000000000000000000001", "9007199254740992.999999999999999999999999999999999",
      "0.1", "0.3", "123456789012345678901234567890", "0000000000000000000000000001", "0.000000000000000000000000000001e30",
      "1.00000000000000011102230246251565404236316680908203125", "1.00000000000000011102230246251565404236316680908203124",
      "1.00000000000000011102230246251565404236316680908203126", "0e99999", "-0", "0x0p99999"};
  for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) read_double(texts[i]);
  for (int i = 0; i < cases; i++) {
    char text[60];
    random_text(text, 20, "0123456789.");
    unsigned length = (unsigned)strlen(text);
    if (below(2)) snprintf(text + length, sizeof text - length, "e%d", (int)below(700) - 350);
    read_double(text);
    unsigned whole = below(65536), fraction = below(INT_MAX);
    snprintf(text, sizeof text, "0x%x.%xp%d", whole, fraction, (int)below(2300) - 1150);
    read_double(text);
  }
  /* Many digits, of which the last ones decide. */
  char *digits = malloc(1003);
  for (int i = 0; i < 1000; i++) digits[i] = (char)('0' + below(10));
  strcpy(digits + 1000, "e9");
  read_double(digits);
}

static void scan(const char *text) {
  int a = -1, b = -1, n = -1;
  long c = -1;
  short d = -1;
  unsigned char e = 9;
  double x = -1;
  float y = -1;
  char word[40] = "?", set[40] = "?", few[4] = "???";
  int first = sscanf(text, "%d %i%n", &a, &b, &n);
  int second = sscanf(text, " %lx,%ho %hhu", &c, &d, &e);
  int third = sscanf(text, "%lf%*d%f", &x, &y);
  int fourth = sscanf(text, "%10s %15[^a-c,]", word, set);
  int fifth = strlen(text) < 3 ? 0 : sscanf(text, "%3c%%", few);
  printf("%s: %d %d %d %d %d|%d %d %d|%ld %d %d|%g %g|%s %s|%.3s\n", text, first, second, third, fourth, fifth, a, b, n, c,
         d, e, x, y, word, set, few);
}

static void print_scans(int cases) {
  static const char *const texts[] = {"", " ", "1 2", "0x1f 010", "12abc", "-5,7 300", "ff,17 255", "1.5 2 3.25", "1e3 7",
                                      "abc%", "a,b", "word [set]", "  spaces  here", "1,", "- 3", "0x", "99 %", "1e", "1e+", "1ex 2", "-1.e-z 5", "0x1p", "0x1p3 4", "0xg", "10x", "inf 2"};
  for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) scan(texts[i]);
  for (int i = 0; i < cases; i++) {
    char text[30];
    random_text(text, 20, "0123789 1,.-abc%x");
    scan(text);
  }
}

static int by_value(const void *left, const void *right) {
  uint64_t l = *(const uint64_t *)left, r = *(const uint64_t *)right;
  return (l > r) - (l < r);
}

static int by_text(const void *left, const void *right) {
  return strcmp(left, right);
}

static void print_sorted(int cases) {
  enum { MOST = 200, WIDTH = 70 };
  static uint64_t numbers[MOST];
  static char texts[MOST][WIDTH];
  for (int i = 0; i < cases / 10 + 1; i++) {
    unsigned count = below(MOST), range = 1 + below(300);
    for (unsigned at = 0; at < count; at++) {
      numbers[at] = below(range);
      random_text(texts[at], WIDTH, "abc");
    }
    qsort(numbers, count, sizeof numbers[0], by_value);
    qsort(texts, count, WIDTH, by_text);
    uint64_t sum = 0;
    for (unsigned at = 0; at < count; at++) {
      sum = sum * 31 + numbers[at];
      for (const char *character = texts[at]; *character != 0; character++) sum = sum * 31 + (unsigned char)*character;
    }
    uint64_t key = below(range);
    const uint64_t *found = bsearch(&key, numbers, count, sizeof numbers[0], by_value);
    printf("%016" PRIx64 " %d\n", sum, found == NULL ? -1 : (int)*found);
  }
}

static void print_arithmetic(int cases) {
  for (int i = 0; i < cases; i++) {
    int64_t dividend = (int64_t)random64(), divisor = (int64_t)random64();
    divisor = (int64_t)((uint64_t)divisor >> below(60)) | 1;
    if (divisor == -1) continue;
    div_t narrow = div((int)dividend, (int)below(1000) + 1);
    lldiv_t wide = lldiv(dividend, divisor);
    printf("%d %d %lld %lld %d %ld %lld\n", narrow.quot, narrow.rem, wide.quot, wide.rem, abs((int)(dividend >> 33)),
           labs((long)divisor), llabs((long long)(dividend >> 1)));
  }
}

static void check_aligned(int cases) {
  unsigned wrong = 0;
  for (int i = 0; i < cases; i++) {
    size_t align = (size_t)1 << (4 + below(10)), size = align * (1 + below(4));
    char *block = aligned_alloc(align, size), *other = aligned_alloc(align, size);
    wrong += (uintptr_t)block % align != 0 || (uintptr_t)other % align != 0;
    memset(block, 1, size);
    memset(other, 2, size);
    for (size_t at = 0; at < size; at++) wrong += block[at] != 1;
    block = realloc(block, 3 * size);
    for (size_t at = 0; at < size; at++) wrong += block[at] != 1;
    free(block);
    free(other);
  }
  printf("aligned blocks: %u wrong\n", wrong);
  volatile size_t huge = SIZE_MAX / 2;
  errno = 0;
  int is_null = malloc(huge) == NULL;
  printf("%d %d\n", is_null, errno == ENOMEM);
}

static void check_random(void) {
  enum { DRAWS = 3000 };
  static int first[DRAWS];
  unsigned high = 0, repeats = 0;
  srand(7);
  for (int i = 0; i < DRAWS; i++) first[i] = rand(), high += first[i] > RAND_MAX / 2, assert(first[i] >= 0);
  srand(7);
  for (int i = 0; i < DRAWS; i++) repeats += rand() == first[i];
  printf("rand: %d, %u\n", high > DRAWS * 2 / 5 && high < DRAWS * 3 / 5, repeats);
}

/** Lines of any length, and characters that are given back. */
static void echo_lines(void) {
  char *line = NULL;
  size_t size = 0;
  ssize_t length;
  int first = getchar();
  printf("%d %d\n", first, first == EOF ? EOF : ungetc('#', stdin));
  while ((length = getline(&line, &size, stdin)) > 0) printf("%ld %s|\n", (long)length, line);
  printf("%d %d\n", feof(stdin) != 0, ferror(stdin));
  free(line);
}

static void last_words(void) {
  printf("last\n");
}

static void words_before(void) {
  printf("before\n");
}

static __attribute__((destructor)) void destructor(void) {
  printf("destructor\n");
}

int main(int argc, char **argv) {
  int cases = argc > 1 ? atoi(argv[1]) : 300;
  atexit(last_words);
  for (int i = 0; i < 40; i++) atexit(words_before);
  print_kinds();
  print_strings(cases);
  print_errors();
  print_whole_numbers(cases);
  print_doubles(cases / 4);
  read_doubles(cases);
  print_scans(cases);
  print_sorted(cases);
  print_arithmetic(cases);
  check_aligned(cases);
  check_random();
  echo_lines();
  printf("%s", getenv("no such variable") == NULL ? "" : "?");
  exit(21);
}
