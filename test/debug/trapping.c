#include <bd0.h>
#include <stdint.h>

/** Reads through a pointer that leads nowhere, in rax, twice, and takes a character of input in between. */
int main(void) {
  char c = 0;
  uint64_t value = 0x10;
  __asm__ volatile("movq (%%rax), %%rdx" : "+a"(value) : : "rdx", "memory");
  bd0_console_read(&c, 1, UINT64_MAX);
  value = 0x20;
  __asm__ volatile("movq (%%rax), %%rdx" : "+a"(value) : : "rdx", "memory");
  return c == 'a' ? 0 : 1;
}
