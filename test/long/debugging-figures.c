#include <bd0.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096
#define MIB (1u << 20)

volatile uint32_t hot[1024] __attribute__((aligned(PAGE)));
volatile uint32_t cold[1024] __attribute__((aligned(PAGE)));
unsigned char *memory;

__attribute__((noinline)) void hit(void) { __asm__ volatile(""); }
__attribute__((noinline)) void touched(void) { __asm__ volatile(""); }
__attribute__((noinline)) void changed(void) { __asm__ volatile(""); }

/** Touches MIBS of memory and changes one of them ten times; then calls `hit` so many times, and runs on. */
int main(int argc, char **argv) {
  if (argc < 4) return 1;
  size_t mibs = strtoul(argv[1], NULL, 10);
  uint32_t hits = (uint32_t)strtoul(argv[2], NULL, 10);
  uint32_t rounds = (uint32_t)strtoul(argv[3], NULL, 10);
  memory = malloc(mibs * MIB);
  for (size_t at = 0; at < mibs * MIB; at += PAGE) memory[at] = (unsigned char)(at / PAGE);
  touched();
  for (uint32_t round = 1; round <= 10; round++) {
    for (size_t at = 0; at < MIB; at += PAGE) memory[at + round] = (unsigned char)round;
    changed();
  }
  for (uint32_t i = 0; i < hits; i++) hit();
  for (uint32_t i = 0; i < rounds; i++) {
    hot[i & 511] += i;
    if ((i & 0xfffff) == 0) cold[5]++;
  }
  printf("%u %u\n", (unsigned)hot[7], (unsigned)cold[5]);
  return 0;
}
