/*
 * A ring of messages in memory that two threads share, of one process or of two: one puts, the other takes. No lock: each
 * index is written by one side only. Who finds the ring full or empty waits in the kernel until the other has moved on, and
 * the other asks the kernel to wake it only then.
 */
#ifndef RING_H
#define RING_H

#include <stddef.h>
#include <stdint.h>

/** How many messages one side has put or taken since the beginning, modulo 2^32; on a cache line of its own. */
struct ring_index {
  uint32_t count;
  uint32_t is_awaited; /* the other side waits for the count to change */
} __attribute__((aligned(64)));

struct ring {
  struct ring_index put;
  struct ring_index taken;
  uint32_t slots; /* a power of two */
  uint32_t message_size;
  _Alignas(64) uint8_t messages[];
};

/** The bytes that a ring takes: slots * message_size and its indices. */
size_t ring_size(uint32_t slots, uint32_t message_size);

/** Makes an empty ring; `slots` is a power of two. Both sides may begin then. */
void ring_init(struct ring *ring, uint32_t slots, uint32_t message_size);

/** Puts a message of message_size bytes, waiting for a free slot. For one thread at a time. */
void ring_put(struct ring *ring, const void *message);

/** Takes the oldest message, waiting for one. For one thread at a time. */
void ring_take(struct ring *ring, void *message);

#endif
