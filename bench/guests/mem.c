/* mem [N]: N passes over memory: a chase of pointers in random order over 2 MiB, then streams through three arrays. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { NODES = 1 << 15, LENGTH = 1 << 15 };

/** One cache line. */
struct node {
  struct node *next;
  uint64_t value;
  uint64_t padding[6];
};

static uint64_t state = 1;

static uint64_t random_below(uint64_t limit) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return (state >> 33) % limit;
}

/** Links the nodes into one cycle of random order (Sattolo's algorithm on the indices). */
static void link_nodes(struct node *nodes, uint32_t *order) {
  for (uint32_t i = 0; i < NODES; i++) order[i] = i;
  for (uint32_t i = NODES - 1; i > 0; i--) {
    uint32_t other = (uint32_t)random_below(i);
    uint32_t kept = order[i];
    order[i] = order[other];
    order[other] = kept;
  }
  for (uint32_t i = 0; i < NODES; i++) {
    nodes[i].next = &nodes[order[i]];
    nodes[i].value = i * 0x9e3779b97f4a7c15;
  }
}

static uint64_t chase(struct node *start) {
  uint64_t sum = 0;
  struct node *node = start;
  do {
    sum = sum * 3 + node->value;
    node = node->next;
  } while (node != start);
  return sum;
}

/** to[i] = left[i] + 3 * right[i], in words of 32 bits. */
static void stream(uint32_t *restrict to, const uint32_t *restrict left, const uint32_t *restrict right) {
  for (size_t i = 0; i < LENGTH; i++) to[i] = left[i] + 3 * right[i];
}

int main(int argc, char **argv) {
  unsigned long passes = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
  struct node *nodes = malloc(NODES * sizeof *nodes);
  uint32_t *order = malloc(NODES * sizeof *order);
  uint32_t *arrays = malloc(3 * LENGTH * sizeof *arrays);
  if (nodes == NULL || order == NULL || arrays == NULL) {
    fprintf(stderr, "mem: no room\n");
    return 1;
  }
  link_nodes(nodes, order);
  uint32_t *a = arrays, *b = a + LENGTH, *c = b + LENGTH;
  for (uint32_t i = 0; i < 3 * LENGTH; i++) arrays[i] = i;

  uint64_t sum = 0;
  for (unsigned long i = 0; i < passes; i++) {
    nodes[i % NODES].value += i;
    sum = sum * 31 + chase(nodes);
    for (int j = 0; j < 4; j++) {
      stream(a, b, c);
      stream(b, c, a);
      stream(c, a, b);
    }
    sum += a[i % LENGTH] ^ b[LENGTH / 2] ^ c[LENGTH - 1];
  }
  printf("%lu passes, checksum %016llx\n", passes, (unsigned long long)sum);
  return 0;
}
