/*
 * Stores of every kind to bytes of busy pages: `plantings NUMBER SEED ITERATIONS PLANTINGS FOREIGN`. In each iteration, a loop
 * writes to the pages of a static array and of a local one, and reads one of the bytes that are planted, but only half of them.
 * It begins when the last byte of the third page is set. FOREIGN is the address of the array of another process, as it printed it: plantings of the kind `other` are stored there. In
 * the end, prints each planting: its kind, address, length, and the clock before and after it; then waits for input.
 */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE 4096
#define PLANTINGS_MAX 64
/* Bytes of a page from here on are the loop's. */
#define NOISE 2048
#define PLACE_BYTES 24

enum kind { STATIC, SAME, STACK, CALL, MOVS, EDGE, OTHER, KINDS };
static const char *const names[KINDS] = {"static", "same", "stack", "call", "movs", "edge", "other"};

static struct {
  enum kind kind;
  volatile uint8_t *address;
  uint64_t length, iteration;
  int64_t before, after;
} plantings[PLANTINGS_MAX];

/* Two busy pages, and one whose first bytes are stored to across the edge. */
static _Alignas(PAGE) volatile uint8_t pages[3][PAGE];
static uint64_t state;

static uint64_t below(uint64_t n) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (state >> 11) % n;
}

static __attribute__((noinline)) void plant(int index, int64_t vmo) {
  volatile uint8_t *at = plantings[index].address;
  static uint8_t source[PLACE_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  plantings[index].before = bd0_clock();
  switch (plantings[index].kind) {
  case SAME:
    *at = 0;
    break;
  case CALL:
    bd0_vmo_read(vmo, 0, (void *)at, plantings[index].length);
    break;
  case MOVS: {
    void *to = (void *)at, *from = source;
    uint64_t count = plantings[index].length;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    break;
  }
  case EDGE:
    *(volatile uint64_t *)at = 0x0102030405060708;
    break;
  default:
    *at = (uint8_t)(index + 1);
  }
  plantings[index].after = bd0_clock();
}

/* Draws what is stored, where, and when. */
static void draw(int count, uint64_t iterations, volatile uint8_t *local, volatile uint8_t *foreign) {
  for (int i = 0; i < count; i++) {
    enum kind kind = i < KINDS ? (enum kind)i : (enum kind)below(KINDS);
    if (kind == OTHER && !foreign) kind = STATIC;
    volatile uint8_t *page = kind == STACK ? local : kind == OTHER ? foreign + 2 * PAGE + NOISE : pages[i % 2];
    plantings[i].kind = kind;
    plantings[i].address = page + (uint64_t)i * PLACE_BYTES + below(8);
    plantings[i].length = kind == CALL || kind == MOVS ? 1 + below(8) : 1;
    /* There is only one edge: the last store to it counts. */
    if (kind == EDGE) plantings[i].address = pages[1] + PAGE - 4, plantings[i].length = 8;
    plantings[i].iteration = (uint64_t)i * iterations / (uint64_t)count + below(iterations / (uint64_t)count);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  const char *number = argv[1];
  state = (strtoull(argv[2], NULL, 0) + strtoull(number, NULL, 0)) * 0x9e3779b97f4a7c15 | 1;
  uint64_t iterations = strtoull(argv[3], NULL, 0);
  int count = atoi(argv[4]);
  volatile uint8_t *foreign = (volatile uint8_t *)strtoull(argv[5], NULL, 0);
  _Alignas(PAGE) volatile uint8_t local[PAGE];
  for (int i = 0; i < PAGE; i++) local[i] = 0;
  int64_t vmo = bd0_vmo_create("\11\12\13\14\15\16\17\20", 8);
  draw(count, iterations, local, foreign);
  printf("%s %p\n", number, (void *)pages);
  fflush(stdout);
  while (!pages[2][PAGE - 1]) bd0_yield();

  uint64_t sum = 0;
  int next = 0;
  for (uint64_t i = 0; i < iterations; i++) {
    pages[0][NOISE + i % NOISE] = (uint8_t)i;
    pages[1][NOISE + i % 2000] += 3;
    local[NOISE + i % 1999] = (uint8_t)sum;
    sum += *plantings[i % (uint64_t)count & ~1ull].address;
    pages[2][8 + i % 2003] = 1;
    while (next < count && plantings[next].iteration == i) plant(next++, vmo);
  }
  for (int i = 0; i < count; i++) {
    printf("%s %s %p %lu %ld %ld\n", number, names[plantings[i].kind], (void *)plantings[i].address, plantings[i].length,
           plantings[i].before, plantings[i].after);
    fflush(stdout);
  }
  getchar();
  return 0;
}
