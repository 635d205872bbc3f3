/* chase [N] [MIB]: N steps along pointers in random order through MIB (64) MiB of memory, a cache line each: every step waits
   for memory, and most of them for a page-table walk. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** One cache line. */
struct node {
  struct node *next;
  uint64_t value;
  uint64_t padding[6];
};

static uint64_t state = 7;

static uint64_t random_below(uint64_t limit) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return (state >> 33) % limit;
}

/** Links the nodes into one cycle of random order, by Sattolo's algorithm on the pointers themselves. */
static void link_nodes(struct node *nodes, size_t count) {
  for (size_t i = 0; i < count; i++) nodes[i] = (struct node){.next = &nodes[i], .value = i * 0x9e3779b97f4a7c15};
  for (size_t i = count - 1; i > 0; i--) {
    size_t other = random_below(i);
    struct node *kept = nodes[i].next;
    nodes[i].next = nodes[other].next;
    nodes[other].next = kept;
  }
}

int main(int argc, char **argv) {
  unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
  size_t count = (argc > 2 ? strtoul(argv[2], NULL, 10) : 64) * ((1 << 20) / sizeof(struct node));
  struct node *nodes = malloc(count * sizeof *nodes);
  if (nodes == NULL || count == 0) {
    fprintf(stderr, "chase: no room for %zu nodes\n", count);
    return 1;
  }
  link_nodes(nodes, count);
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
