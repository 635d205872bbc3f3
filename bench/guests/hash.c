/* hash [N]: N operations on a hash table with open addressing: inserts, look-ups and removals in random turn. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct entry {
  uint64_t key; /* 0 = free */
  uint64_t value;
};

struct table {
  struct entry *entries;
  size_t mask; /* capacity - 1, the capacity a power of two */
  size_t count;
};

static size_t home_of(const struct table *table, uint64_t key) {
  key ^= key >> 33;
  key *= 0xff51afd7ed558ccd;
  key ^= key >> 33;
  return (size_t)key & table->mask;
}

/** The entry of the key, or the free one where it would go. */
static struct entry *find(const struct table *table, uint64_t key) {
  size_t at = home_of(table, key);
  while (table->entries[at].key != 0 && table->entries[at].key != key) at = (at + 1) & table->mask;
  return &table->entries[at];
}

static bool allocate(struct table *table, size_t capacity) {
  *table = (struct table){calloc(capacity, sizeof(struct entry)), capacity - 1, 0};
  return table->entries != NULL;
}

static void insert(struct table *table, uint64_t key, uint64_t value) {
  if (table->count * 3 > table->mask * 2) {
    struct table larger;
    if (!allocate(&larger, (table->mask + 1) * 2)) abort();
    for (size_t i = 0; i <= table->mask; i++)
      if (table->entries[i].key != 0) *find(&larger, table->entries[i].key) = table->entries[i];
    larger.count = table->count;
    free(table->entries);
    *table = larger;
  }
  struct entry *entry = find(table, key);
  table->count += entry->key == 0;
  *entry = (struct entry){key, value};
}

/** Frees the key's entry and moves up those behind it that the gap would hide. */
static bool remove_key(struct table *table, uint64_t key) {
  struct entry *entry = find(table, key);
  if (entry->key == 0) return false;
  size_t gap = (size_t)(entry - table->entries);
  for (size_t at = (gap + 1) & table->mask; table->entries[at].key != 0; at = (at + 1) & table->mask) {
    size_t home = home_of(table, table->entries[at].key);
    if (((at - home) & table->mask) < ((at - gap) & table->mask)) continue;
    table->entries[gap] = table->entries[at];
    gap = at;
  }
  table->entries[gap].key = 0;
  table->count--;
  return true;
}

int main(int argc, char **argv) {
  unsigned long operations = argc > 1 ? strtoul(argv[1], NULL, 10) : 300000;
  struct table table;
  if (!allocate(&table, 64)) return 1;
  uint64_t state = 42, sum = 0;
  unsigned long found = 0, removed = 0;
  for (unsigned long i = 0; i < operations; i++) {
    state = state * 6364136223846793005 + 1442695040888963407;
    uint64_t key = 1 + (state >> 40) % (operations / 4 + 16);
    switch (state >> 60) {
      case 0 ... 5:
        insert(&table, key, i);
        break;
      case 6 ... 8:
        removed += remove_key(&table, key);
        break;
      default: {
        const struct entry *entry = find(&table, key);
        found += entry->key != 0;
        sum = sum * 31 + (entry->key != 0 ? entry->value : 1);
      }
    }
  }
  printf("%lu operations, %lu found, %lu removed, %zu left, checksum %016llx\n", operations, found, removed,
         table.count, (unsigned long long)sum);
  free(table.entries);
  return 0;
}
