/*
 * ring [N [SIZE [SLOTS]]]: N messages (100,000 if not told) of SIZE bytes (64) from one process to another, through a ring
 * of SLOTS (256) in the memory of the second, and how fast that is. Neither maps anything: an address means the same
 * memory in every process.
 */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

static uint64_t number(int argc, char **argv, int at, uint64_t otherwise) {
  return argc > at ? strtoull(argv[at], NULL, 0) : otherwise;
}

/** What message number `i` holds at its first 8 bytes. */
static uint64_t content(uint64_t i) {
  return i * 0x9e3779b97f4a7c15;
}

/** The other process: ring put ADDRESS N. */
static int put_all(struct ring *ring, uint64_t n) {
  uint8_t *message = calloc(1, ring->message_size);
  for (uint64_t i = 0; i < n; i++) {
    uint64_t word = content(i);
    memcpy(message, &word, sizeof word);
    ring_put(ring, message);
  }
  return 0;
}

/** Starts this image once more. If the name that it runs by is not known, since it came as a file, it gives itself that. */
static int64_t start_putting(struct ring *ring, uint64_t n) {
  const struct bd0_header *header = (const struct bd0_header *)bd0_process_start(BD0_SELF);
  char address[24], count[24];
  snprintf(address, sizeof address, "%p", (void *)ring);
  snprintf(count, sizeof count, "%llu", (unsigned long long)n);
  char *arguments[] = {"ring", "put", address, count, NULL};
  int64_t pid = bd0_start(header->name, 16 << 20, arguments, 0, 0);
  if (pid != -BD0_ENOENT) return pid;
  int64_t named = bd0_name_publish(header->name, bd0_vmo_open(header->image_id), BD0_NOTHING);
  return bd0_is_error(named) ? named : bd0_start(header->name, 16 << 20, arguments, 0, 0);
}

/** Takes all messages; answers how many are not what they should be. */
static uint64_t take_all(struct ring *ring, uint64_t n) {
  uint8_t *message = calloc(1, ring->message_size);
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint64_t word;
    ring_take(ring, message);
    memcpy(&word, message, sizeof word);
    wrong += word != content(i);
  }
  return wrong;
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "put") == 0)
    return put_all((struct ring *)number(argc, argv, 2, 0), number(argc, argv, 3, 0));
  uint64_t n = number(argc, argv, 1, 100000), size = number(argc, argv, 2, 64), slots = number(argc, argv, 3, 256);
  if (size < 8 || slots == 0 || (slots & (slots - 1)) != 0) {
    puts("ring: SIZE is 8 at least, SLOTS a power of two");
    return 2;
  }
  struct ring *ring = aligned_alloc(64, ring_size((uint32_t)slots, (uint32_t)size));
  if (ring == NULL) return 1;
  ring_init(ring, (uint32_t)slots, (uint32_t)size);
  int64_t pid = start_putting(ring, n);
  if (bd0_is_error(pid)) {
    printf("ring: the other process does not start: error %lld\n", (long long)-pid);
    return 1;
  }
  int64_t begin = bd0_clock();
  uint64_t wrong = take_all(ring, n);
  double ns = (double)(bd0_clock() - begin);
  int64_t code = bd0_process_wait((uint64_t)pid, BD0_FOREVER);
  printf("%llu messages of %llu bytes, %llu wrong\n", (unsigned long long)n, (unsigned long long)size,
         (unsigned long long)wrong);
  printf("%.1f ns a message, %.0f MB a second, by the machine's clock\n", ns / (double)n, (double)(n * size) * 1000 / ns);
  return wrong != 0 || code != 0;
}
