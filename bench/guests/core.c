/* core [N]: N rounds of four small pieces of everyday work: a linked list that is searched, reversed and sorted; matrices of
   integers; a machine that tells numbers from other words, a character at a time; and a CRC over what came out. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CRC-16 with the polynomial x^16 + x^15 + x^2 + 1, least significant bit first. */
static uint16_t crc16(uint16_t crc, uint32_t value) {
  for (int bit = 0; bit < 32; bit++, value >>= 1) {
    unsigned out = (crc ^ value) & 1;
    crc = (uint16_t)(crc >> 1 ^ (out ? 0xa001 : 0));
  }
  return crc;
}

/* The list. */

enum { NODES = 64 };

struct node {
  struct node *next;
  int16_t key;
  uint16_t place;
};

typedef int order(const struct node *left, const struct node *right);

static int by_key(const struct node *left, const struct node *right) {
  return left->key != right->key ? left->key - right->key : left->place - right->place;
}

static int by_place(const struct node *left, const struct node *right) {
  return left->place - right->place;
}

static struct node nodes[NODES];

static struct node *make_list(uint32_t seed) {
  for (unsigned i = 0; i < NODES; i++) {
    seed = seed * 1664525 + 1013904223;
    nodes[i] = (struct node){i + 1 < NODES ? &nodes[i + 1] : NULL, (int16_t)(seed >> 20 & 0x3ff), (uint16_t)i};
  }
  return nodes;
}

static struct node *search(struct node *list, int16_t key) {
  while (list != NULL && list->key != key) list = list->next;
  return list;
}

static struct node *reverse(struct node *list) {
  struct node *reversed = NULL;
  while (list != NULL) {
    struct node *next = list->next;
    list->next = reversed;
    reversed = list;
    list = next;
  }
  return reversed;
}

static struct node *merge(struct node *left, struct node *right, order *compare) {
  struct node head = {0}, *tail = &head;
  while (left != NULL && right != NULL) {
    struct node **least = compare(left, right) <= 0 ? &left : &right;
    tail->next = *least;
    tail = *least;
    *least = tail->next;
  }
  tail->next = left != NULL ? left : right;
  return head.next;
}

static struct node *sort(struct node *list, order *compare) {
  if (list == NULL || list->next == NULL) return list;
  struct node *middle = list;
  for (struct node *end = list->next; end != NULL && end->next != NULL; end = end->next->next) middle = middle->next;
  struct node *rest = middle->next;
  middle->next = NULL;
  return merge(sort(list, compare), sort(rest, compare), compare);
}

static uint16_t list_work(uint32_t seed, uint16_t crc) {
  struct node *list = make_list(seed);
  for (int16_t key = 0; key < 12; key++) {
    const struct node *found = search(list, (int16_t)(key * 85));
    if (found != NULL) crc = crc16(crc, found->place);
    list = reverse(list);
  }
  list = sort(list, by_key);
  for (const struct node *node = list; node != NULL; node = node->next) crc = crc16(crc, (uint32_t)node->key);
  list = sort(list, by_place);
  return crc16(crc, (uint32_t)(list->key + list->next->key));
}

/* The matrices. */

enum { N = 12 };

static int16_t a[N][N], b[N][N];
static int32_t c[N][N];

static uint16_t matrix_work(uint32_t seed, uint16_t crc) {
  for (unsigned i = 0; i < N; i++)
    for (unsigned j = 0; j < N; j++) {
      a[i][j] = (int16_t)((seed + i * 31 + j * 17) & 0xff);
      b[i][j] = (int16_t)((seed >> 3) + i * j - 50);
    }
  for (unsigned i = 0; i < N; i++)
    for (unsigned j = 0; j < N; j++) {
      int32_t sum = 0;
      for (unsigned k = 0; k < N; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  uint32_t diagonal = 0, bits = 0;
  for (unsigned i = 0; i < N; i++) {
    diagonal += (uint32_t)c[i][i];
    for (unsigned j = 0; j < N; j++) bits += (uint32_t)((c[i][j] >> 2 & 15) * (c[i][j] >> 5 & 127));
  }
  return crc16(crc16(crc, diagonal), bits);
}

/* The machine that reads words. */

enum reading { START, SIGN, INTEGER, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, POWER, OTHER, READINGS };

static int is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

static enum reading next_reading(enum reading reading, char byte) {
  switch (reading) {
    case START:
      if (is_digit(byte)) return INTEGER;
      if (byte == '+' || byte == '-') return SIGN;
      return byte == '.' ? POINT : OTHER;
    case SIGN:
      if (is_digit(byte)) return INTEGER;
      return byte == '.' ? POINT : OTHER;
    case INTEGER:
      if (is_digit(byte)) return INTEGER;
      if (byte == '.') return FRACTION;
      return byte == 'e' ? EXPONENT : OTHER;
    case POINT:
      return is_digit(byte) ? FRACTION : OTHER;
    case FRACTION:
      if (is_digit(byte)) return FRACTION;
      return byte == 'e' ? EXPONENT : OTHER;
    case EXPONENT:
      if (is_digit(byte)) return POWER;
      return byte == '+' || byte == '-' ? EXPONENT_SIGN : OTHER;
    case EXPONENT_SIGN:
    case POWER:
      return is_digit(byte) ? POWER : OTHER;
    default:
      return OTHER;
  }
}

static uint16_t reading_work(uint32_t seed, uint16_t crc) {
  static char words[] = "12,-7.25,.5e10,word,+,3.e-4,1e,99999,0x10,-.75,6.02e+23,e5,1.2.3,42,";
  uint32_t ended[READINGS] = {0}, left[READINGS] = {0};
  char *changed = &words[seed % (sizeof words - 1)];
  char kept = *changed;
  if (kept != ',') *changed = (char)(kept ^ (seed >> 8 & 3));
  enum reading reading = START;
  for (const char *at = words; *at != 0; at++) {
    if (*at == ',') {
      ended[reading]++;
      reading = START;
      continue;
    }
    enum reading next = next_reading(reading, *at);
    left[reading] += next != reading;
    reading = next;
  }
  *changed = kept;
  for (int i = 0; i < READINGS; i++) crc = crc16(crc, ended[i] << 8 | left[i]);
  return crc;
}

int main(int argc, char **argv) {
  unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
  uint16_t crc = 0;
  uint64_t sum = 0;
  for (unsigned long round = 0; round < rounds; round++) {
    uint32_t seed = (uint32_t)round * 2654435761u + crc;
    crc = list_work(seed, crc);
    crc = matrix_work(seed, crc);
    for (uint32_t i = 0; i < 4; i++) crc = reading_work(seed + i * 7, crc);
    sum = sum * 31 + crc;
  }
  printf("%lu rounds, crc %04x, checksum %016llx\n", rounds, crc, (unsigned long long)sum);
  return 0;
}
