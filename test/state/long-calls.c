/* Kernel calls that take many ticks, on VMOs of a megabyte, one after another and again, while another thread sleeps. */
#include <bd0.h>

enum { BYTES = 1 << 20, PATCHES = 4096 };

static _Alignas(4096) uint8_t bytes[BYTES];
static struct bd0_patch patches[PATCHES];

static int sleep_often(void *unused) {
  (void)unused;
  while (bd0_sleep(5000) >= 0) {
  }
  return 0;
}

int main(void) {
  bd0_thread_spawn(sleep_often, NULL, 65536);
  uint8_t id[32];
  for (uint64_t round = 1;; round++) {
    for (uint64_t at = 0; at < BYTES; at += 512) bytes[at] = (uint8_t)(round + at / 4096);
    for (uint64_t i = 0; i < PATCHES; i++)
      patches[i] = (struct bd0_patch){i * 256, (uint64_t)bytes + i, 200};
    int64_t made = bd0_vmo_create(bytes, BYTES);
    bd0_vmo_hash(made, id);
    bd0_vmo_read(made, 0, bytes, BYTES);
    int64_t patched = bd0_vmo_delta(made, patches, PATCHES);
    bd0_name_publish("long", patched, BD0_ANYTHING);
    bd0_vmo_close(bd0_name_lookup("long"));
    bd0_start("long", BYTES, 0, 0, 0);
    bd0_vmo_close(bd0_vmo_commit(bytes, BYTES));
    bd0_vmo_close(patched);
    bd0_vmo_close(made);
  }
}
