/*
 * Doubles from text, exact: the number is a large whole number, times or by powers of two and ten. It is scaled by a power
 * of two so that its quotient has more bits than a double; what is lost below them is remembered as "more than that".
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/** No digit behind so many changes the double but by being there: two neighbours' middle has at most 768. */
enum { DIGITS_MAX = 800 };
/** 800 decimal digits times 10^310, or 2^4000 times that for the division: less than 8192 bits. */
enum { WORDS = 256, GROUP = 1000000000 };
/** Beyond these powers of ten everything is infinite, or zero, whatever the digits. */
enum { EXPONENT_LIMIT = 20000 };

/** A whole number: words of 32 bits, the lowest first, without zeros at the top. */
struct big {
  uint32_t words[WORDS];
  size_t count;
  bool more; /* a fraction of it was lost */
};

static void multiply_add(struct big *big, uint32_t factor, uint32_t addend) {
  uint64_t carry = addend;
  for (size_t i = 0; i < big->count; i++) {
    carry += (uint64_t)big->words[i] * factor;
    big->words[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry > 0) big->words[big->count++] = (uint32_t)carry;
}

static void divide(struct big *big, uint32_t divisor) {
  uint64_t remainder = 0;
  for (size_t i = big->count; i > 0; i--) {
    uint64_t dividend = remainder << 32 | big->words[i - 1];
    big->words[i - 1] = (uint32_t)(dividend / divisor);
    remainder = dividend % divisor;
  }
  big->more = big->more || remainder > 0;
  while (big->count > 0 && big->words[big->count - 1] == 0) big->count--;
}

static void shift_left(struct big *big, size_t bits) {
  size_t words = bits / 32;
  memmove(big->words + words, big->words, big->count * sizeof big->words[0]);
  memset(big->words, 0, words * sizeof big->words[0]);
  big->count += words;
  multiply_add(big, (uint32_t)1 << bits % 32, 0);
}

static int bits_of(const struct big *big) {
  return (int)(32 * big->count) - __builtin_clz(big->words[big->count - 1]);
}

/** Bit `at` of the number. */
static unsigned bit(const struct big *big, int at) {
  return big->words[at / 32] >> at % 32 & 1;
}

/** The double nearest to `big` * 2^exponent; ERANGE where it is none, or less than the smallest normal one. */
static double nearest(const struct big *big, int exponent) {
  int bits = bits_of(big), top = bits - 1 + exponent; /* the number is at least 2^top */
  int kept = top < -1022 ? 53 - (-1022 - top) : 53;   /* of its bits; the others decide the rounding */
  if (kept < 0) {
    errno = ERANGE;
    return 0;
  }
  uint64_t significand = 0;
  for (int i = 1; i <= kept; i++) significand = significand << 1 | (i <= bits ? bit(big, bits - i) : 0);
  bool half = kept < bits && bit(big, bits - 1 - kept), more = big->more;
  for (int at = bits - 2 - kept; at >= 0 && !more; at--) more = bit(big, at);
  if (half && (more || (significand & 1))) significand++;
  /* Where the significand has become 2^53, or a subnormal number 2^52, the sum is right as it is. */
  uint64_t biased = top < -1022 ? 0 : (uint64_t)(top + 1022);
  uint64_t result = (biased << 52) + significand;
  uint64_t infinity = (uint64_t)0x7ff << 52;
  bool overflows = top > 1023 || result >= infinity;
  if (overflows) result = infinity;
  if (overflows || (top < -1022 && (half || more))) errno = ERANGE;
  double value;
  memcpy(&value, &result, sizeof value);
  return value;
}

/** `big` * 10^power. */
static double scaled(struct big *big, int power) {
  if (big->count == 0) return 0;
  if (power > 400) power = 400; /* infinite all the same */
  for (; power >= 9; power -= 9) multiply_add(big, GROUP, 0);
  for (; power > 0; power--) multiply_add(big, 10, 0);
  if (power == 0) return nearest(big, 0);
  if (power < -1200) power = -1200; /* zero all the same */
  int shift = 66 - bits_of(big) - power * 10 / 3;
  if (shift < 0) shift = 0;
  shift_left(big, (size_t)shift);
  for (; power <= -9; power += 9) divide(big, GROUP);
  for (; power < 0; power++) divide(big, 10);
  return nearest(big, -shift);
}

/** Reads what follows e or p, if it is an exponent; answers what comes behind it. */
static const char *read_exponent(const char *at, char letter, int *exponent) {
  if (tolower((unsigned char)*at) != letter) return at;
  const char *digit = at[1] == '+' || at[1] == '-' ? at + 2 : at + 1;
  if (!isdigit((unsigned char)*digit)) return at;
  int value = 0;
  for (; isdigit((unsigned char)*digit); digit++)
    if (value < EXPONENT_LIMIT) value = value * 10 + (*digit - '0');
  *exponent += at[1] == '-' ? -value : value;
  return digit;
}

static unsigned value_of(char digit) {
  return isdigit((unsigned char)digit) ? (unsigned)(digit - '0') : (unsigned)(tolower((unsigned char)digit) - 'a') + 10;
}

/** Reads digits with at most one point; answers what follows, or NULL where there is no digit. `*exponent` counts, in
    digits, what is to be multiplied to the number that they make. */
static const char *read_digits(const char *at, unsigned base, struct big *big, int *exponent) {
  bool has_point = false, has_digit = false;
  int count = 0;
  for (;; at++) {
    if (*at == '.' && !has_point) {
      has_point = true;
      continue;
    }
    bool is_digit = base == 16 ? isxdigit((unsigned char)*at) : isdigit((unsigned char)*at);
    if (!is_digit) return has_digit ? at : NULL;
    has_digit = true;
    unsigned value = value_of(*at);
    bool is_kept = count < DIGITS_MAX;
    if (is_kept) multiply_add(big, base, value);
    else big->more = big->more || value > 0;
    if (is_kept && big->count > 0) count++;
    if (is_kept == has_point && *exponent > -EXPONENT_LIMIT && *exponent < EXPONENT_LIMIT)
      *exponent += has_point ? -1 : 1;
  }
}

/** Infinity and not-a-number; answers what follows, or NULL where it is none. */
static const char *read_special(const char *at, double *value) {
  if (strncasecmp(at, "inf", 3) == 0) {
    *value = __builtin_inf();
    return at + (strncasecmp(at, "infinity", 8) == 0 ? 8 : 3);
  }
  if (strncasecmp(at, "nan", 3) != 0) return NULL;
  *value = __builtin_nan("");
  const char *end = at + 3;
  if (*end != '(') return end;
  do end++;
  while (isalnum((unsigned char)*end) || *end == '_');
  return *end == ')' ? end + 1 : at + 3;
}

/** A number without its sign; answers what follows, or NULL where there is none. */
static const char *read_magnitude(const char *at, double *value) {
  struct big big;
  big.count = 0;
  big.more = false;
  int exponent = 0;
  if (at[0] == '0' && tolower((unsigned char)at[1]) == 'x') {
    const char *digits_end = read_digits(at + 2, 16, &big, &exponent);
    if (digits_end != NULL) {
      exponent *= 4;
      const char *end = read_exponent(digits_end, 'p', &exponent);
      *value = big.count == 0 ? 0 : nearest(&big, exponent);
      return end;
    }
  }
  const char *digits_end = read_digits(at, 10, &big, &exponent);
  if (digits_end == NULL) return read_special(at, value);
  const char *end = read_exponent(digits_end, 'e', &exponent);
  *value = scaled(&big, exponent);
  return end;
}

double strtod(const char *restrict text, char **restrict end) {
  const char *at = text;
  while (isspace((unsigned char)*at)) at++;
  bool is_negative = *at == '-';
  if (*at == '+' || *at == '-') at++;
  double value = 0;
  const char *behind = read_magnitude(at, &value);
  if (end != NULL) *end = (char *)(behind == NULL ? text : behind);
  return is_negative && behind != NULL ? -value : value;
}

double atof(const char *text) {
  return strtod(text, NULL);
}
