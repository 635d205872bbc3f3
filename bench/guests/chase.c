/* chase [N] [MIB]: N steps along pointers in random order through MIB (64) MiB of memory, a cache line each: every step waits
   for memory, and most of them for a page-table walk. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "linked-cycle.h"

int main(int argc, char **argv) {
  unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
  size_t count = (argc > 2 ? strtoul(argv[2], NULL, 10) : 64) * ((1 << 20) / sizeof(struct node));
  struct node *nodes = malloc(count * sizeof *nodes);
  if (nodes == NULL || count == 0) {
    fprintf(stderr, "chase: no room for %zu nodes\n", count);
    return 1;
  }
  link_nodes(nodes, count, 7);
  uint64_t sum = 0;
  const struct node *node = nodes;
  for (unsigned long i = 0; i < steps; i++) {
    sum = sum * 3 + node->value;
    node = node->next;
  }
  printf("%lu steps through %zu nodes, at %zu, checksum %016llx\n", steps, count, (size_t)(node - nodes),
         (unsigned long long)sum);
  free(nodes);
  return 0;
}
