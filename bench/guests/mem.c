/* mem [N]: N passes over memory: a chase of pointers in random order over 2 MiB, then streams through three arrays. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "linked-cycle.h"

enum { NODES = 1 << 15, LENGTH = 1 << 15 };

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
  uint32_t *arrays = malloc(3 * LENGTH * sizeof *arrays);
  if (nodes == NULL || arrays == NULL) {
    fprintf(stderr, "mem: no room\n");
    return 1;
  }
  link_nodes(nodes, NODES, 1);
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
