/* sha256 [N]: the SHA-256 digests of "abc" and of N KiB of pseudo-random bytes. The letters are those of FIPS 180-4. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64, CHUNK = 1024 };

struct sha256 {
  uint32_t H[8];
  uint64_t length; /* bytes hashed so far */
  uint8_t block[BLOCK];
};

/* FIPS 180-4, 4.2.2 */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* FIPS 180-4, 5.3.3 */
static const uint32_t INITIAL[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static uint32_t ROTR(unsigned n, uint32_t x) {
  return x >> n | x << (32 - n);
}

/** FIPS 180-4, 6.2.2 */
static void compress(uint32_t H[8], const uint8_t block[BLOCK]) {
  uint32_t W[64];
  for (int t = 0; t < 16; t++) {
    uint32_t word;
    memcpy(&word, block + 4 * t, 4);
    W[t] = __builtin_bswap32(word);
  }
  for (int t = 16; t < 64; t++) {
    uint32_t sigma0 = ROTR(7, W[t - 15]) ^ ROTR(18, W[t - 15]) ^ W[t - 15] >> 3;
    uint32_t sigma1 = ROTR(17, W[t - 2]) ^ ROTR(19, W[t - 2]) ^ W[t - 2] >> 10;
    W[t] = sigma1 + W[t - 7] + sigma0 + W[t - 16];
  }
  uint32_t a = H[0], b = H[1], c = H[2], d = H[3], e = H[4], f = H[5], g = H[6], h = H[7];
  for (int t = 0; t < 64; t++) {
    uint32_t Sigma1 = ROTR(6, e) ^ ROTR(11, e) ^ ROTR(25, e);
    uint32_t Sigma0 = ROTR(2, a) ^ ROTR(13, a) ^ ROTR(22, a);
    uint32_t T1 = h + Sigma1 + ((e & f) ^ (~e & g)) + K[t] + W[t];
    uint32_t T2 = Sigma0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + T1;
    d = c, c = b, b = a, a = T1 + T2;
  }
  H[0] += a, H[1] += b, H[2] += c, H[3] += d, H[4] += e, H[5] += f, H[6] += g, H[7] += h;
}

static void update(struct sha256 *hash, const uint8_t *bytes, size_t n) {
  while (n > 0) {
    size_t at = hash->length % BLOCK;
    size_t part = n < BLOCK - at ? n : BLOCK - at;
    memcpy(hash->block + at, bytes, part);
    hash->length += part;
    bytes += part;
    n -= part;
    if (hash->length % BLOCK == 0) compress(hash->H, hash->block);
  }
}

static void finish_and_print(struct sha256 *hash, const char *name) {
  uint64_t bits = __builtin_bswap64(hash->length * 8);
  uint8_t padding[BLOCK] = {0x80};
  update(hash, padding, 1 + (BLOCK + 55 - hash->length % BLOCK) % BLOCK);
  update(hash, (const uint8_t *)&bits, 8);
  for (int i = 0; i < 8; i++) printf("%08x", hash->H[i]);
  printf("  %s\n", name);
}

static struct sha256 start(void) {
  struct sha256 hash = {.length = 0};
  memcpy(hash.H, INITIAL, sizeof INITIAL);
  return hash;
}

int main(int argc, char **argv) {
  size_t chunks = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
  struct sha256 abc = start();
  update(&abc, (const uint8_t *)"abc", 3);
  finish_and_print(&abc, "abc");

  struct sha256 hash = start();
  uint64_t state = 1;
  for (size_t i = 0; i < chunks; i++) {
    uint8_t chunk[CHUNK];
    for (size_t at = 0; at < CHUNK; at += 8) {
      state = state * 6364136223846793005 + 1442695040888963407;
      uint64_t word = state >> 11 | state << 53;
      memcpy(chunk + at, &word, 8);
    }
    update(&hash, chunk, CHUNK);
  }
  char name[40];
  snprintf(name, sizeof name, "%zu KiB", chunks);
  finish_and_print(&hash, name);
  return 0;
}
