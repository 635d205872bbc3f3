/* The ring of ring.h, on wait_word and wake_word. */
#include "ring.h"

#include <bd0.h>
#include <string.h>

size_t ring_size(uint32_t slots, uint32_t message_size) {
  return offsetof(struct ring, messages) + (size_t)slots * message_size;
}

void ring_init(struct ring *ring, uint32_t slots, uint32_t message_size) {
  *ring = (struct ring){.slots = slots, .message_size = message_size};
}

/**
 * Waits until the count of the other side is no longer `seen`. The other side changes the count first and looks then
 * whether it is awaited; this side says so first, and the kernel looks at the count then. One of the two sees the other.
 */
static void await(struct ring_index *index, uint32_t seen) {
  __atomic_store_n(&index->is_awaited, 1, __ATOMIC_SEQ_CST);
  bd0_wait_word(&index->count, seen, BD0_FOREVER);
}

static void move_on(struct ring_index *index, uint32_t count) {
  __atomic_store_n(&index->count, count, __ATOMIC_SEQ_CST);
  if (!__atomic_load_n(&index->is_awaited, __ATOMIC_SEQ_CST)) return;
  __atomic_store_n(&index->is_awaited, 0, __ATOMIC_SEQ_CST);
  bd0_wake_word(&index->count, 1);
}

static uint8_t *slot_of(struct ring *ring, uint32_t count) {
  return ring->messages + (size_t)(count & (ring->slots - 1)) * ring->message_size;
}

void ring_put(struct ring *ring, const void *message) {
  uint32_t count = ring->put.count, taken;
  while (count - (taken = __atomic_load_n(&ring->taken.count, __ATOMIC_ACQUIRE)) == ring->slots)
    await(&ring->taken, taken);
  memcpy(slot_of(ring, count), message, ring->message_size);
  move_on(&ring->put, count + 1);
}

void ring_take(struct ring *ring, void *message) {
  uint32_t count = ring->taken.count;
  while (__atomic_load_n(&ring->put.count, __ATOMIC_ACQUIRE) == count) await(&ring->put, count);
  memcpy(message, slot_of(ring, count), ring->message_size);
  move_on(&ring->taken, count + 1);
}
