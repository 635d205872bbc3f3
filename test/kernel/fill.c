/*
 * fill N: makes VMOs of N pages, all different, one after another, until there is no memory for more; tells how many there
 * were by vmo_create, then, when they are gone, by vmo_commit, then by vmo_delta.
 */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGE = 4096 };

static uint64_t *pages;
static unsigned long count;
static uint64_t stamp;

static void change(void) {
  for (unsigned long i = 0; i < count; i++) pages[i * PAGE / 8] = ++stamp;
}

static int64_t create(void) {
  change();
  return bd0_vmo_create(pages, count * PAGE);
}

static int64_t commit(void) {
  change();
  return bd0_vmo_commit(pages, count * PAGE);
}

static int64_t delta(void) {
  change();
  struct bd0_patch patch = {0, (uint64_t)pages, count * PAGE};
  int64_t base = bd0_vmo_zeros(count * PAGE);
  int64_t vmo = bd0_vmo_delta(base, &patch, 1);
  bd0_vmo_close(base);
  return vmo;
}

static void fill(const char *how, int64_t (*make)(void)) {
  static int64_t handles[16384];
  int made = 0;
  int64_t last;
  while (!bd0_is_error(last = make())) handles[made++] = last;
  printf("%s: %d, then %lld\n", how, made, (long long)last);
  while (made > 0) bd0_vmo_close(handles[--made]);
}

int main(int argc, char **argv) {
  count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
  pages = bd0_heap_alloc(count * PAGE, PAGE);
  fill("create", create);
  fill("commit", commit);
  fill("delta", delta);
  return 0;
}
