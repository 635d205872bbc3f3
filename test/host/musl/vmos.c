/* bd0.h beside musl: content by its hash, mapped next to what malloc gives. */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  size_t length = 3 * 4096;
  char *bytes = malloc(length);
  for (size_t i = 0; i < length; i++) bytes[i] = (char)(i * 7 + (i >> 8));
  int64_t vmo = bd0_vmo_create(bytes, length);
  uint8_t id[32];
  bd0_vmo_hash(vmo, id);
  for (int i = 0; i < 8; i++) printf("%02x", id[i]);
  char *mapped = (char *)bd0_vmo_map(vmo, 0, NULL, length, BD0_READ);
  printf(" %lld %d\n", (long long)bd0_vmo_length(vmo), memcmp(mapped, bytes, length));
  printf("%lld\n", (long long)bd0_name_publish("made by musl", vmo, BD0_NOTHING));
  int64_t found = bd0_name_lookup("made by musl");
  char copy[16];
  bd0_vmo_read(found, 4096, copy, sizeof copy);
  printf("%d %d\n", memcmp(copy, bytes + 4096, sizeof copy), bd0_is_error(bd0_name_lookup("nothing")));
  return 0;
}
