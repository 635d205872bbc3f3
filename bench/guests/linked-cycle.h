/* Nodes of a cache line each, linked into one cycle of random order. */
#include <stddef.h>
#include <stdint.h>

/** One cache line. */
struct node {
  struct node *next;
  uint64_t value;
  uint64_t padding[6];
};

static inline uint64_t random_below(uint64_t *state, uint64_t limit) {
  *state = *state * 6364136223846793005 + 1442695040888963407;
  return (*state >> 33) % limit;
}

/** Links the nodes, by Sattolo's algorithm on the pointers themselves. */
static inline void link_nodes(struct node *nodes, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; i++) nodes[i] = (struct node){.next = &nodes[i], .value = i * 0x9e3779b97f4a7c15};
  for (size_t i = count - 1; i > 0; i--) {
    size_t other = random_below(&seed, i);
    struct node *kept = nodes[i].next;
    nodes[i].next = nodes[other].next;
    nodes[other].next = kept;
  }
}
