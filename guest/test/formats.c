/*
 * formats [N [SEED]]: random formats and texts for printf, scanf and strtod. On Linux the host's library answers, on BD0 the
 * guest's own; a test compares the two, byte for byte. N (300 if not given) is the number of cases of each kind.
 */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

#ifndef __bd0__
#include <locale.h>
#endif

/* Volatile: no compiler may check formats, or know what a call returns. */
static int (*volatile format_to)(char *, size_t, const char *, ...) = snprintf;
static int (*volatile scan_from)(const char *, const char *, ...) = sscanf;

/** Of any number of bits. C leaves open which operand or argument is evaluated first, so that no two of them may be drawn. */
static uint64_t random_shifted(void) {
  uint64_t bits = random64();
  return bits >> below(64);
}

static char pick(const char *letters) {
  return letters[below((unsigned)strlen(letters))];
}

/** A long double as an argument, by its bits: what lies in memory is where printf finds one. */
struct long_double {
  uint64_t significand, sign_exponent, unused[2];
} __attribute__((aligned(16)));

/** Numbers at the edges, of few bits, or any. */
static uint64_t random_integer(void) {
  static const uint64_t edges[] = {0, 1, 7, 8, 9, 10, 127, 128, 255, 256, 32767, 65535, INT_MAX, UINT_MAX, INT64_MAX};
  uint64_t value = below(3) == 0 ? edges[below(sizeof edges / sizeof edges[0])] : random_shifted();
  return below(2) ? value : -value;
}

static double random_double(void) {
  uint64_t bits = random64();
  double value;
  switch (below(6)) {
    case 0:
      return (double)(int64_t)(bits >> 44) / (1 << below(20));
    case 1:
      return (double)below(1000);
    case 2:
      bits = (bits & 0x800fffffffffffff) | (uint64_t)below(2) * 0x7ff0000000000000; /* subnormal, infinite, NaN */
      if (below(2)) bits &= 0xfff0000000000000;
      break;
    case 3:
      bits |= (uint64_t)0x1fffffff << below(24); /* carries */
      break;
    case 4:
      bits = (bits & 0x800fffffffffffff) | (uint64_t)(1023 - 40 + below(80)) << 52;
      break;
  }
  memcpy(&value, &bits, sizeof value);
  return value;
}

static struct long_double random_long_double(void) {
  uint64_t integer_bit = (uint64_t)1 << 63, significand = random64() | integer_bit;
  unsigned exponent = below(3) ? 16383 - 70 + below(140) : below(40) ? 15000 + below(2000) : below(0x7fff);
  if (below(4) == 0) significand &= -1ull << below(64);
  if (below(30) == 0) exponent = 0x7fff, significand = below(2) ? integer_bit : significand | integer_bit >> 1;
  if (below(30) == 0) exponent = 0, significand = below(3) == 0 ? 0 : significand & ~integer_bit;
  return (struct long_double){significand, exponent | below(2) << 15, {0, 0}};
}

/** What a letter is given. */
union value {
  uint64_t integer;
  double real;
  struct long_double extended;
};
enum kind { INTEGER, REAL, EXTENDED };

static const wchar_t *const wide_texts[] = {L"", L"wide", L"\u00e4\u20ac\U0001f600z", L"a\u0301bc\u07ff\u0800\uffff"};

static enum kind random_value(char letter, const char *length, union value *value, long long *stored) {
  static const char *const texts[] = {"", "x", "text", "a longer text"};
  int is_wide = letter < 'a' || (*length != 0 && *length != 'h');
  if (strchr("fFeEgGaA", letter) != NULL) {
    int is_extended = strcmp(length, "L") == 0 || strcmp(length, "ll") == 0;
    if (is_extended) value->extended = random_long_double();
    else value->real = random_double();
    return is_extended ? EXTENDED : REAL;
  }
  value->integer = random_integer();
  if (letter == 's' || letter == 'S')
    value->integer = below(8) == 0 ? 0 : is_wide ? (uint64_t)wide_texts[below(4)] : (uint64_t)texts[below(4)];
  if (letter == 'c' || letter == 'C') value->integer = is_wide ? (uint64_t)wide_texts[2][below(5)] : below(256);
  if (letter == 'n') value->integer = (uint64_t)stored;
  if (letter == 'p' && below(4) == 0) value->integer = 0;
  return INTEGER;
}

static int call(char *to, size_t size, const char *format, int stars, int width, int precision, enum kind kind,
                const union value *value) {
  uint64_t i = value->integer;
  double r = value->real;
  switch (kind * 3 + stars) {
    case 0: return format_to(to, size, format, i);
    case 1: return format_to(to, size, format, width, i);
    case 2: return format_to(to, size, format, width, precision, i);
    case 3: return format_to(to, size, format, r);
    case 4: return format_to(to, size, format, width, r);
    case 5: return format_to(to, size, format, width, precision, r);
    case 6: return format_to(to, size, format, value->extended);
    case 7: return format_to(to, size, format, width, value->extended);
    default: return format_to(to, size, format, width, precision, value->extended);
  }
}

/** What is between % and the letter; adds the number of arguments that it takes to `*stars`. */
static char *random_conversion(char *at, int *stars, const char *length) {
  *at++ = '%';
  for (unsigned flags = below(4); flags > 0; flags--) *at++ = pick("-+ #0'I");
  *stars = (int)below(3);
  if (*stars > 0) *at++ = '*';
  else if (below(2)) at += sprintf(at, "%u", 1 + below(30));
  if (*stars > 1) at += sprintf(at, ".*");
  else if (below(2)) at += below(5) ? sprintf(at, ".%u", below(below(8) ? 25 : 300)) : sprintf(at, ".");
  return at + sprintf(at, "%s", length);
}

static void print_formatted(const char *format, const char *text, size_t size, int result, int error, long long stored) {
  printf("%s: %d %d %lld ", format, result, result < 0 ? error : 0, stored);
  if (size > 0) fwrite(text, 1, strnlen(text, size), stdout);
  puts("|");
}

static void print_formats(int cases) {
  static const char *const lengths[] = {"", "", "hh", "h", "l", "ll", "L", "j", "z", "t"};
  static char text[8192];
  for (int i = 0; i < cases; i++) {
    char format[80] = "<";
    union value value;
    int stars;
    long long stored = 0x5555555555555555;
    char letter = below(20) ? pick("diuxXobcsCSpnfFeEgGaAdxsfega") : pick("ykKrRvVwWQ?!%m");
    const char *length = lengths[below(sizeof lengths / sizeof lengths[0])];
    if (*length == 'h' && strchr("diuxXobn", letter) == NULL) length = "";
    char *at = random_conversion(format + 1, &stars, length);
    if (letter == 'm') letter = strchr(format, '#') ? '%' : 'm'; /* with # glibc prints the name of the error */
    sprintf(at, "%c>%%%s", letter, below(40) ? "%" : "");
    enum kind kind = random_value(letter, length, &value, &stored);
    size_t size = below(4) ? sizeof text : below(20);
    int width = (int)below(60) - 20, precision = (int)below(30) - 5;
    memset(text, '.', 20);
    errno = (int)below(130);
    int result = call(text, size, format, stars, width, precision, kind, &value);
    print_formatted(format, text, size, result, errno, stored);
  }
}

static void print_positions(int cases) {
  for (int i = 0; i < cases; i++) {
    char format[100], text[400];
    double real = random_double();
    uint64_t integer = random_integer();
    char letter = pick("duxXocdi");
    const char *flag = below(2) ? "0" : "-", *unknown = below(3) ? "" : "%?";
    char first = pick("diux"), last = pick("eEgaAf");
    unsigned value = below(2) * 2 + 3, precision = 1 + 5 * below(2);
    snprintf(format, sizeof format, "%%5$%s%c %%%u$*1$.*%u$%c %%3$ld %%2$s %s%%4$%c", flag, first, value, precision, letter,
             unknown, last);
    if (strstr(format, "%5$") != NULL && strstr(format, " %3$*") == NULL && strstr(format, " %5$*") == NULL) continue;
    int width = (int)below(30) - 9, fifth = (int)below(100000), sixth = (int)below(12);
    int result = format_to(text, sizeof text, format, width, "second", integer, real / 1e200 * 1e200, fifth, sixth);
    print_formatted(format, text, sizeof text, result, errno, 0);
  }
}

static void print_limits(void) {
  static const char *const formats[] = {
      "%2147483648d", "%99999999999d", "%.2147483648d", "%.99999999999f",
      "%", "ab%", "%5", "%-", "%l", "%5.", "%?%", "%1$d%", "%*", "%.*d%%", "%5%", "%-5%|", "%0*d", "%+-0 #5y", "%5-d", "%hld",
      "%lhd", "%zZd", "%.-5d|", "%+p", "% p", "%020p", "%.20p", "%-20p|", "%#o", "%#.3o", "%#b", "%+u", "% x"};
  char text[64];
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    memset(text, 0, sizeof text);
    errno = 0;
    int result = format_to(text, sizeof text, formats[i], 5L, 6L, 7L);
    print_formatted(formats[i], text, sizeof text, result, errno, 0);
  }
}

/* Texts that are numbers, or nearly. */

static void random_number(char *to) {
  static const char *const words[] = {"nan", "-NAN(123)", "nan(0x7ff)", "nan()", "nan(a_1)", "nan(", "inf", "+Infinity",
                                      "infinit", "0x", "-0x.", "0x.p1", "1e", "1e+", "0x1p", "0x1p-", ".", "-", "+.e1", "in"};
  unsigned kind = below(7), small = below(20), number = below(100000);
  int exponent = (int)below(800) - 400;
  unsigned long long bits = random64(), whole = random_shifted(), fraction = random_shifted();
  switch (kind) {
    case 0:
      strcpy(to, words[number % (sizeof words / sizeof words[0])]);
      return;
    case 1:
      sprintf(to, "%s0x%llx.%llxp%d", small % 2 ? "-" : "", whole & INT64_MAX, fraction & INT64_MAX, exponent / 2);
      return;
    case 2:
      sprintf(to, "%llu.%llue%d", whole, fraction, exponent);
      return;
    case 3:
      sprintf(to, "%.*e", (int)small, random_double());
      return;
    case 4:
      sprintf(to, "0x1.%012llxp%d", bits >> 16, small % 2 ? -1020 - (int)number % 60 : -120 - (int)number % 40);
      return;
    case 5:
      sprintf(to, "%u.%ue%d", (unsigned)bits % 100, number, (int)below(10000) - 5000);
      return;
  }
  for (unsigned n = below(12); n > 0; n--) *to++ = pick("0123456789.exp+-xXEP aAf");
  *to = 0;
}

static void print_number(const char *text) {
  char *end;
  uint64_t bits;
  uint32_t narrow;
  errno = 0;
  double value = strtod(text, &end);
  memcpy(&bits, &value, sizeof bits);
  printf("%.60s: %016llx %ld %d", text, (unsigned long long)bits, (long)(end - text), errno);
  errno = 0;
  float small = strtof(text, &end);
  memcpy(&narrow, &small, sizeof narrow);
  printf(" %08x %ld %d", narrow, (long)(end - text), errno);
  uint64_t extended[2] = {0, 0};
  int count = scan_from(text, "%Lf", extended);
  printf(" %d %016llx %04x\n", count, (unsigned long long)extended[0], (unsigned)(extended[1] & 0xffff));
}

/** A middle between two numbers, or next to one: digits that decide far behind. */
static void print_middles(int cases) {
  static char text[2000];
  for (int i = 0; i < cases; i++) {
    uint64_t bits = (random64() & 0xfffffffff) << 18 | (uint64_t)1 << 17;
    uint64_t scale = (uint64_t)below(3);
    double value = random_double();
    if (scale == 0) sprintf(text, "%llu", (unsigned long long)(bits >> below(10)));
    else if (scale == 1) sprintf(text, "%.*f", 40 + (int)below(900), value / 1e10 > 1e290 ? 1.0 : value);
    else {
      unsigned zeros = below(400);
      sprintf(text, "%llu.%0*d1", (unsigned long long)(bits >> below(10)), (int)zeros, 0);
    }
    print_number(text);
  }
}

static void print_long_numbers(void) {
  enum { ZEROS = 30000 };
  char *text = malloc(2 * ZEROS);
  static const char *const ends[] = {"1e%d", "9e%d", "1e-%d", "123e%d1", "e-%d"};
  for (size_t i = 0; i < 2 * sizeof ends / sizeof ends[0]; i++) {
    strcpy(text, i % 2 ? "1" : "0.");
    size_t length = strlen(text);
    memset(text + length, '0', ZEROS);
    sprintf(text + length + ZEROS, ends[i / 2], ZEROS + (int)(i % 3));
    print_number(text);
  }
  free(text);
}

static void print_numbers(int cases) {
  char text[200];
  for (int i = 0; i < cases; i++) {
    random_number(text);
    print_number(text);
  }
  print_middles(cases / 10);
  print_long_numbers();
}

/* scanf */

/** A conversion of scanf with whatever it may have; `*allocates` says that it stores a pointer. */
static char *random_scan(char *at, int *allocates) {
  static const char *const sets[] = {"[a-c]", "[^a-c,]", "[]x]", "[^]x]", "[a-]", "[-a]", "[0-9.]", "[z-a]", "[^\t]", "[%]"};
  static const char *const lengths[] = {"", "", "", "hh", "h", "l", "ll", "L", "j", "z"};
  char letter = below(12) ? pick("diuxXopfeagcs[[sdn") : pick("%CSyEAGF");
  *allocates = 0;
  *at++ = '%';
  if (letter != '%' && letter != 'n' && below(6) == 0) *at++ = '*';
  int discards = at[-1] == '*';
  if (letter != '%' && letter != 'n' && below(3) == 0) at += sprintf(at, "%u", below(9));
  int is_text = strchr("cs[CS", letter) != NULL;
  if (is_text && !discards && below(6) == 0) *at++ = 'm', *allocates = 1;
  const char *length = is_text ? (below(6) || letter == '[' ? "" : "l") : lengths[below(sizeof lengths / sizeof lengths[0])];
  if (letter == '%') length = "";
  at += sprintf(at, "%s", length);
  if (letter == '[') return at + sprintf(at, "%s", sets[below(sizeof sets / sizeof sets[0])]);
  *at++ = letter;
  return at;
}

static void print_scans(int cases) {
  enum { TARGETS = 3, BYTES = 200 };
  static char targets[TARGETS][BYTES] __attribute__((aligned(16)));
  for (int i = 0; i < cases; i++) {
    char format[80], text[300], *at = format;
    int allocates[TARGETS] = {0}, used_targets = 0;
    for (int target = 0; target < TARGETS; target++) {
      char *conversion = at;
      at = random_scan(at, &allocates[used_targets]);
      used_targets += conversion[1] != '*' && at[-1] != '%';
      if (below(2)) *at++ = pick("  ,x%\t");
      if (at[-1] == '%' && at[-2] != '%') *at++ = '%';
      memset(targets[target], 0x5a, BYTES);
    }
    *at = 0;
    at = text;
    for (unsigned n = below(5); n > 0; n--) {
      if (below(2)) random_number(at);
      else sprintf(at, "%s", (const char *[]){"(nil)", "abc", "a-b]x", "0x1f", "\xc3\xa4z", "12345678901234567890123", "%"}[below(7)]);
      at += strlen(at);
      if (below(2)) *at++ = pick(" ,x\t");
      *at = 0;
      if (at - text > 40) break;
    }
    *at = 0;
    errno = 0;
    int result = scan_from(text, format, targets[0], targets[1], targets[2]);
    printf("%s: %s: %d", format, text, result);
    for (int target = 0; target < TARGETS; target++) {
      char *bytes = targets[target];
      memcpy(&at, bytes, sizeof at);
      int is_stored = allocates[target] && memcmp(bytes, "ZZZZZZZZ", 8) != 0;
      if (is_stored) printf(" block %.1s", at == NULL ? "-" : at);
      if (is_stored && at != NULL) free(at);
      size_t used = BYTES;
      while (used > 0 && bytes[used - 1] == 0x5a) used--;
      for (size_t byte = 0; !is_stored && byte < used; byte++) printf("%s%02x", byte ? "" : " ", (unsigned char)bytes[byte]);
    }
    printf("\n");
  }
}

int main(int argc, char **argv) {
  int cases = argc > 1 ? atoi(argv[1]) : 300;
  if (argc > 2) state = strtoull(argv[2], NULL, 0);
#ifndef __bd0__
  setlocale(LC_ALL, "C.UTF-8"); /* BD0's wide characters are always UTF-8 */
#endif
  print_formats(3 * cases);
  print_positions(cases);
  print_limits();
  print_numbers(2 * cases);
  print_scans(3 * cases);
  return 0;
}
