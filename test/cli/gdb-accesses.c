/* Reads and writes of all sizes, by instructions and by the kernel; with an argument, a deadlock. */
#include <bd0.h>
#include <string.h>

volatile uint8_t one;
volatile uint16_t two;
volatile uint32_t four;
volatile uint64_t eight;
uint32_t never;
char block[6000];

static void read_all(void) {
  (void)one;
  (void)two;
  (void)four;
  (void)eight;
}

static void write_all(void) {
  one = 1;
  two = 2;
  four = 4;
  eight = 8;
}

int main(int argc, char **argv) {
  if (argc > 1) bd0_wait_word(&never, 0, BD0_FOREVER);
  read_all();
  write_all();
  block[4095] = 'a';
  memset(block, 'b', sizeof block);
  bd0_console_read(block + 4093, 10, BD0_FOREVER);
  return block[4095];
}
