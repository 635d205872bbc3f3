/* Values that each thread has of its own, by the keys of <threads.h>, and that are destroyed when it ends. */
#include <stdbool.h>
#include <stdlib.h>
#include <threads.h>

#include "exit.h"
#include "lock.h"

/*
 * A key is a place and, above it, the generation of the place: the number of keys that had it before. A value carries the
 * key it was stored under, so that values stored under an earlier key of the same place are not visible.
 */
enum { PLACES = TSS_MAX, PER_BLOCK = 32, BLOCKS = PLACES / PER_BLOCK };

struct place {
  uint32_t generation; /* odd while the place has a key */
  tss_dtor_t destructor;
};

static struct place places[PLACES];
static uint32_t lock; /* while keys are made and deleted, and a destructor is looked up */

struct value {
  tss_t key;
  bool is_set; /* the key was stored: zeros are no value of key 0 */
  void *value;
};

/** Blocks of values; the first one needs no heap. */
static __thread struct value first_values[PER_BLOCK];
static __thread struct value *blocks[BLOCKS];
/** A value that is not NULL was set since the destructors were called last. */
static __thread bool has_values;

static tss_t place_of(tss_t key) {
  return key % PLACES;
}

static tss_t key_of(tss_t place, uint32_t generation) {
  return generation / 2 * PLACES + place;
}

static bool is_current(tss_t key) {
  tss_t place = place_of(key);
  uint32_t generation = __atomic_load_n(&places[place].generation, __ATOMIC_ACQUIRE);
  return generation % 2 == 1 && key_of(place, generation) == key;
}

int tss_create(tss_t *key, tss_dtor_t destructor) {
  bd0_lock(&lock);
  tss_t place = 0;
  while (place < PLACES && places[place].generation % 2 == 1) place++;
  if (place < PLACES) {
    places[place].destructor = destructor;
    uint32_t generation = __atomic_add_fetch(&places[place].generation, 1, __ATOMIC_RELEASE);
    *key = key_of(place, generation);
  }
  bd0_unlock(&lock);
  return place < PLACES ? thrd_success : thrd_error;
}

void tss_delete(tss_t key) {
  bd0_lock(&lock);
  if (is_current(key)) __atomic_add_fetch(&places[place_of(key)].generation, 1, __ATOMIC_RELEASE);
  bd0_unlock(&lock);
}

static struct value *block_of(tss_t place) {
  return place < PER_BLOCK ? first_values : blocks[place / PER_BLOCK];
}

void *tss_get(tss_t key) {
  tss_t place = place_of(key);
  struct value *block = block_of(place);
  if (block == NULL || !is_current(key)) return NULL;
  struct value *value = &block[place % PER_BLOCK];
  return value->is_set && value->key == key ? value->value : NULL;
}

int tss_set(tss_t key, void *value) {
  tss_t place = place_of(key);
  if (!is_current(key)) return thrd_error;
  struct value *block = block_of(place);
  if (block == NULL) {
    if (value == NULL) return thrd_success;
    block = blocks[place / PER_BLOCK] = calloc(PER_BLOCK, sizeof *block);
    if (block == NULL) return thrd_nomem;
  }
  block[place % PER_BLOCK] = (struct value){key, true, value};
  has_values = has_values || value != NULL;
  return thrd_success;
}

/** The destructor of a key; NULL where it has none, or was deleted. */
static tss_dtor_t destructor_of(tss_t key) {
  bd0_lock(&lock);
  tss_dtor_t destructor = is_current(key) ? places[place_of(key)].destructor : NULL;
  bd0_unlock(&lock);
  return destructor;
}

/** Calls the destructors of the values of a block. */
static void destroy_block(struct value *block) {
  for (tss_t i = 0; i < PER_BLOCK; i++) {
    struct value value = block[i];
    block[i].value = NULL;
    tss_dtor_t destructor = value.is_set && value.value != NULL ? destructor_of(value.key) : NULL;
    if (destructor != NULL) destructor(value.value);
  }
}

void bd0_end_values(void) {
  for (int i = 0; i < TSS_DTOR_ITERATIONS && has_values; i++) {
    has_values = false;
    for (tss_t block = 0; block < BLOCKS; block++)
      if (block_of(block * PER_BLOCK) != NULL) destroy_block(block_of(block * PER_BLOCK));
  }
  for (tss_t block = 1; block < BLOCKS; block++) {
    free(blocks[block]);
    blocks[block] = NULL;
  }
}
