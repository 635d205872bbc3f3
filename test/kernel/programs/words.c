/*
 * Threads that wait for words and wake each other, and threads that publish a name. test/kernel/explorer.test.ts explores
 * every order in which that can happen.
 *
 * EVENT: two threads wait until a third has set a word.
 * MUTEX: threads, so many as it says, have something to themselves, one after another.
 * PUBLISH: two threads publish the same name, and who comes second does so over the first.
 * BROKEN: each of them wrongly: a wait for whatever the word is by now; a wake-up that is left out where nobody seems to
 * wait; a publication over whatever stands there.
 */
#include <bd0.h>

#define STACK_BYTES 4096

static struct {
  volatile uint32_t word;
  /** Threads that have something to themselves now. */
  volatile uint32_t inside;
  /** Threads that are done. */
  volatile uint32_t done;
  /** What name_publish answered first, by thread. */
  volatile int64_t answers[2];
} shared;

/** What a thread does that is done: it goes round in a circle, in which nothing changes. */
__attribute__((noreturn)) static void rest(void) {
  for (;;) __asm__ volatile("");
}

static uint32_t load(volatile uint32_t *word) {
  return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static int64_t wait_for_change(uint32_t seen) {
  return bd0_wait_word((const uint32_t *)&shared.word, seen, BD0_FOREVER);
}

static int64_t wake(uint64_t count) {
  return bd0_wake_word((const uint32_t *)&shared.word, count);
}

#ifdef EVENT
static int run(void *which) {
  if (which == NULL) {
    __atomic_store_n(&shared.word, 1, __ATOMIC_SEQ_CST);
    wake(2);
  } else
    for (uint32_t seen; (seen = load(&shared.word)) == 0;)
#ifdef BROKEN
      wait_for_change(load(&shared.word));
#else
      wait_for_change(seen);
#endif
  __atomic_fetch_add(&shared.done, 1, __ATOMIC_SEQ_CST);
  rest();
}
#endif

#ifdef MUTEX
/** 0: nobody has it; 1: somebody; 2: somebody, and others may wait. */
static void lock(void) {
  uint32_t seen = 0;
  if (__atomic_compare_exchange_n(&shared.word, &seen, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
  while (__atomic_exchange_n(&shared.word, 2, __ATOMIC_SEQ_CST) != 0) wait_for_change(2);
}

static void unlock(void) {
#ifdef BROKEN
  uint32_t seen = load(&shared.word);
  __atomic_store_n(&shared.word, 0, __ATOMIC_SEQ_CST);
#else
  uint32_t seen = __atomic_exchange_n(&shared.word, 0, __ATOMIC_SEQ_CST);
#endif
  if (seen == 2) wake(1);
}

static int run(void *which) {
  (void)which;
  lock();
  shared.inside++;
  shared.inside--;
  unlock();
  __atomic_fetch_add(&shared.done, 1, __ATOMIC_SEQ_CST);
  rest();
}
#endif

#ifdef PUBLISH
static const char name[] = "name";

static int run(void *which) {
  size_t i = (size_t)which;
  int64_t mine = bd0_vmo_zeros(i + 1);
#ifdef BROKEN
  int64_t answer = bd0_name_publish(name, mine, BD0_ANYTHING);
#else
  int64_t answer = bd0_name_publish(name, mine, BD0_NOTHING);
#endif
  shared.answers[i] = answer;
  if (answer != 0) {
    int64_t first = bd0_name_lookup(name);
    if (bd0_name_publish(name, mine, first) != 0) __builtin_trap();
  }
  __atomic_fetch_add(&shared.done, 1, __ATOMIC_SEQ_CST);
  rest();
}
#endif

/** Brings in a page that threads run: where they fault is not what is looked for. */
static void touch(const void *code) {
  (void)*(const volatile char *)code;
}

int main(void) {
  touch((const void *)run);
  shared.answers[0] = shared.answers[1] = 1;
  bd0_thread_spawn(run, (void *)1, STACK_BYTES);
#if !defined(PUBLISH) && (!defined(MUTEX) || MUTEX > 2)
  bd0_thread_spawn(run, (void *)2, STACK_BYTES);
#endif
  bd0_vmcall(BD0_CALL_YIELD, (uint64_t)&shared, 0, 0, 0, 0, 0);
  return run(NULL);
}
