/*
 * costs CHILD WHAT COUNT [WHAT COUNT ...]: does each thing so often. It says when it is about to begin, and when it has
 * ended, and goes on when it is given a line, so that whoever reads it can take the time meanwhile. CHILD is the program
 * that is started to measure a start.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __bd0__
#include "on-bd0.h"
#else
#include "on-linux.h"
#endif

enum { PAGE = 4096, AREA_PAGES = 2048, AREA = AREA_PAGES * PAGE };

static volatile uint64_t sink;

static uint64_t calls(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) sink += (uint64_t)least_call();
  return count;
}

/* Two threads that do nothing but make room for each other; a switch is where another one runs than before. */

static volatile int last_thread;
static volatile uint64_t switches;
static uint64_t switches_wanted;

static void take_turns(void *self) {
  int number = self != NULL;
  while (switches < switches_wanted) {
    if (last_thread != number) {
      last_thread = number;
      switches++;
    }
    make_room();
  }
}

static uint64_t yields(uint64_t count) {
  switches = 0;
  switches_wanted = count;
  beside(take_turns, (void *)1, take_turns, NULL);
  return switches;
}

/* Two threads that wait for each other at one word, whose value says whose turn it is. */

static uint32_t turn;
static uint64_t handovers_wanted;

static void hand_over(void *self) {
  uint32_t own = self != NULL, other = !own;
  for (uint64_t i = 0; i < handovers_wanted; i++) {
    while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != own) wait_while(&turn, other);
    __atomic_store_n(&turn, other, __ATOMIC_RELEASE);
    wake_one(&turn);
  }
}

static uint64_t handovers(uint64_t count) {
  turn = 0;
  handovers_wanted = count / 2;
  beside(hand_over, (void *)1, hand_over, NULL);
  return 2 * handovers_wanted;
}

static uint64_t starts(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) run_child();
  return count;
}

/* First touches of the pages of an area, over and over; each time the area is mapped anew, and given back. */

enum { STRIDE_PAGES = 16 };

static void write_pages(volatile uint8_t *area) {
  for (size_t page = 0; page < AREA_PAGES; page++) area[page * PAGE] = 1;
  unmap((void *)area, AREA);
}

static uint64_t zero_faults(uint64_t count) {
  uint64_t done = 0;
  for (; done < count; done += AREA_PAGES) write_pages(map_zeros(AREA));
  return done;
}

/* Every sixteenth page, since Linux maps up to sixteen around one that is touched. */
static uint64_t shared_faults(uint64_t count) {
  uint64_t done = 0;
  while (done < count) {
    volatile uint8_t *area = map_content(AREA, 0);
    for (size_t page = 0; page < AREA_PAGES; page += STRIDE_PAGES, done++) sink += area[page * PAGE];
    unmap((void *)area, AREA);
  }
  return done;
}

static uint64_t copy_faults(uint64_t count) {
  uint64_t done = 0;
  for (; done < count; done += AREA_PAGES) write_pages(map_content(AREA, 1));
  return done;
}

/*
 * A ring of messages in memory that two processes share, one of whom writes and one of whom reads. Who finds it full, or
 * empty, says so and waits; the other one wakes him when half of it has changed.
 */

enum { SLOTS = 1024, MESSAGE_WORDS = 8 };

struct ring {
  uint32_t written, read;
  uint32_t writer_waits, reader_waits;
  uint64_t wanted;
  uint64_t sum;
  uint64_t slots[SLOTS][MESSAGE_WORDS];
};

static void await_change(uint32_t *waits, uint32_t *word, uint32_t seen) {
  __atomic_store_n(waits, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == seen) wait_while(word, seen);
  __atomic_store_n(waits, 0, __ATOMIC_SEQ_CST);
}

static void announce(uint32_t *word, uint32_t value, uint32_t *waits) {
  __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(waits, __ATOMIC_SEQ_CST) && value % (SLOTS / 2) == 0) wake_one(word);
}

static void write_all(struct ring *ring) {
  for (uint32_t at = 0; at < ring->wanted; at++) {
    uint32_t read;
    while (at - (read = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE)) == SLOTS)
      await_change(&ring->writer_waits, &ring->read, read);
    for (int i = 0; i < MESSAGE_WORDS; i++) ring->slots[at % SLOTS][i] = at + (uint64_t)i;
    announce(&ring->written, at + 1, &ring->reader_waits);
  }
}

static void read_all(struct ring *ring) {
  uint64_t sum = 0;
  for (uint32_t at = 0; at < ring->wanted; at++) {
    uint32_t written;
    while ((written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE)) == at)
      await_change(&ring->reader_waits, &ring->written, written);
    for (int i = 0; i < MESSAGE_WORDS; i++) sum += ring->slots[at % SLOTS][i];
    announce(&ring->read, at + 1, &ring->writer_waits);
  }
  ring->sum = sum;
}

static uint64_t messages(uint64_t count) {
  uint64_t wanted = (count + SLOTS - 1) / SLOTS * SLOTS;
  struct ring *ring = shared_memory(sizeof *ring);
  ring->wanted = wanted;
  start_reader(ring);
  write_all(ring);
  end_reader();
  uint64_t expected = MESSAGE_WORDS * (wanted * (wanted - 1) / 2) + wanted * (MESSAGE_WORDS * (MESSAGE_WORDS - 1) / 2);
  if (ring->sum != expected) fail("messages were lost");
  return wanted;
}

static void read_ring(void *ring) {
  read_all(ring);
}

static const struct {
  const char *name;
  uint64_t (*measure)(uint64_t count);
} things[] = {
    {"call", calls},        {"yield", yields},         {"handover", handovers},   {"start", starts},
    {"zero", zero_faults},  {"shared", shared_faults}, {"copy", copy_faults},     {"message", messages},
};

static void measure(const char *name, uint64_t count) {
  for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
    if (strcmp(name, things[i].name) != 0) continue;
    /* Code that is new is translated, memory that is new is found: not what is measured. */
    things[i].measure(count / 2 + 1);
    printf("begin %s\n", name);
    fflush(stdout);
    await_line();
    uint64_t done = things[i].measure(count);
    printf("end %s %llu\n", name, (unsigned long long)done);
    fflush(stdout);
    await_line();
    return;
  }
  fail("nothing has that name");
}

int main(int argc, char **argv) {
  set_up(argc, argv, read_ring);
  for (int i = 2; i + 1 < argc; i += 2) measure(argv[i], strtoul(argv[i + 1], NULL, 10));
  finish();
  return 0;
}
