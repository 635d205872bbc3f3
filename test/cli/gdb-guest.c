/* A program to be debugged: it calls, loops, recurses, stores, computes, and starts a thread and a process. */
#include <bd0.h>
#include <stdio.h>
#include <string.h>

struct point {
  double x, y;
};

uint8_t one_byte;
uint16_t two_bytes;
uint32_t four_bytes;
uint64_t eight_bytes;
uint8_t many_bytes[10000];
volatile uint64_t read_only = 7;
struct point origin = {1.5, -2.5};
volatile int keeps_going = 1;

int add(int a, int b) {
  int sum = a + b;
  return sum;
}

int factorial(int n) {
  if (n <= 1) return 1;
  return n * factorial(n - 1);
}

double length_squared(struct point p) {
  return p.x * p.x + p.y * p.y;
}

void store_all(int i) {
  one_byte = i;
  two_bytes = i;
  four_bytes = i;
  eight_bytes = i;
  many_bytes[1000 * i] = i;
}

int loop(int n) {
  int total = 0;
  for (int i = 0; i < n; i++) {
    total = add(total, i);
  }
  return total;
}

int worker(void *argument) {
  int *result = argument;
  *result = add(40, 2);
  return 5;
}

/** Runs until a debugger changes `keeps_going`. */
int spin(void) {
  int rounds = 0;
  bd0_console_write("spinning\n", 9);
  while (keeps_going) rounds++;
  return rounds > 0;
}

static int64_t start_child(const char *role) {
  const struct bd0_header *header = (const struct bd0_header *)bd0_process_start(BD0_SELF);
  char *arguments[] = {"guest", (char *)role, NULL};
  bd0_name_publish(header->name, bd0_vmo_open(header->image_id), BD0_NOTHING);
  return bd0_start(header->name, 16 << 20, arguments, 0, 0);
}

int in_child(int n) {
  int doubled = 2 * n;
  return doubled + 1;
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "child") == 0) return in_child(20);
  if (argc > 1 && strcmp(argv[1], "spin") == 0) return spin();
  if (argc > 1 && strcmp(argv[1], "crash") == 0) *(volatile int *)8 = 1;
  int total = loop(10);
  int product = factorial(5);
  double squared = length_squared(origin);
  for (int i = 1; i < 4; i++) {
    store_all(i);
  }
  uint64_t seen = read_only;
  int result = 0;
  int64_t thread = bd0_thread_spawn(worker, &result, 1 << 16);
  int64_t code = bd0_thread_join(thread, BD0_FOREVER);
  int64_t pid = start_child("child");
  int64_t ended = bd0_process_wait(pid, BD0_FOREVER);
  printf("%d %d %.2f %d %d %d %d\n", total, product, squared, result, (int)code, (int)ended, (int)seen);
  return 3;
}
