/* A parent, its child and a grandchild, which write the same page in turns, and see their own. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct page {
  int value;
  int untouched;
  char name[16];
};

struct page page __attribute__((aligned(4096))) = {7, 0, "nobody"};

__attribute__((noinline)) void store(int value) {
  page.value = value;
}

static int rounds = 3;

static void work(const char *name, int from) {
  strcpy(page.name, name);
  for (int i = 1; i <= rounds; i++) {
    store(from + i);
    sched_yield();
  }
}

int main(int argc, char **argv) {
  if (argc > 1) rounds = atoi(argv[1]);
  store(1);
  page.untouched = 5;
  pid_t child = fork();
  if (child == 0) {
    pid_t grandchild = fork();
    if (grandchild == 0) {
      work("grandchild", 30000);
      _exit(page.value == 30000 + rounds);
    }
    work("child", 20000);
    waitpid(grandchild, NULL, 0);
    _exit(page.value == 20000 + rounds);
  }
  work("parent", 10000);
  int status;
  waitpid(child, &status, 0);
  printf("%s %d, its child %d\n", page.name, page.value, WEXITSTATUS(status));
  return 0;
}
