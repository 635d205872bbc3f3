/* What signal handlers are told about accesses to pages that forbid them, and to addresses where nothing is mapped. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { PAGE = 4096 };

static sigjmp_buf escape;
static unsigned char *page;

static void on(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  int is_here = (unsigned char *)info->si_addr == page && registers[REG_CR2] == (greg_t)page;
  printf("signal %d code %d at the page %d error %llx vector %llu\n", number, info->si_code, is_here,
         registers[REG_ERR], registers[REG_TRAPNO]);
  siglongjmp(escape, 1);
}

static void try(int access) {
  if (sigsetjmp(escape, 1)) return;
  if (access == 0) *(volatile unsigned char *)page;
  else if (access == 1) *(volatile unsigned char *)page = 0xc3;
  else ((void (*)(void))page)();
  printf("done\n");
}

int main(void) {
  static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
  struct sigaction action = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, 0);
  for (int is_touched = 0; is_touched < 2; is_touched++)
    for (int i = 0; i < 4; i++)
      for (int access = 0; access < 3; access++) {
        page = mmap(0, PAGE, is_touched ? PROT_READ | PROT_WRITE : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (is_touched) *page = 0xc3;
        mprotect(page, PAGE, protections[i]);
        printf("touched %d protection %d access %d: ", is_touched, protections[i], access);
        if (is_touched || protections[i] == PROT_NONE || access == 0) try(access);
        munmap(page, PAGE);
        if (access < 2) try(access);
        fflush(stdout);
      }
  return 0;
}
