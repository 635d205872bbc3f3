/*
 * malloc over the heap pointer, in two layers.
 *
 * Small freed blocks are pushed on a stack for their size, and popped by later allocations. The top of a stack is changed
 * together with a counter, so that a thread that was overtaken between reading the top and exchanging it fails, even if the
 * same block is on top again. The heap never shrinks, so the `next` of a block that another thread has just popped can still
 * be read.
 *
 * All other free memory is in chunks, sorted by size into bins. A freed chunk merges with free neighbours; one that is too
 * large is split. Only the thread that holds `busy` changes chunks and bins, but no thread has to wait for it: if `busy` is
 * held, free pushes its block on the stack `pending`; malloc lets other threads run a few times, and then takes a block of its
 * own from the heap pointer. It tries longer if the heap is exhausted, or if many bytes have been taken in this way, since
 * free memory would never be reused and the heap would grow without bound.
 */
#include <bd0.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "compare_exchange.h"

/** A chunk; its block begins at `next`. Free chunks are linked in a bin or a stack. */
struct chunk {
  size_t size_before;   /* of the chunk before, if that is free; else these are the last bytes of that block */
  size_t head;          /* the size, a multiple of 16, and flags */
  struct chunk *next;   /* free: in a bin or on a stack */
  struct chunk *before; /* free: in a bin */
};

/** A chunk on a stack counts as used. */
enum { USED = 1, BEFORE_IS_USED = 2, FLAGS = 15 };

enum { UNIT = 16, HEAD = 16, OVERHEAD = 8, SMALLEST = 32, STACKED_MAX = 1024 };
enum { EXACT_BINS = STACKED_MAX / UNIT, SUBBINS = 8, BINS = EXACT_BINS + (50 - 10) * SUBBINS, WORD_BITS = 64 };
enum { GROWTH = 64 * 1024, OWN_BIN_TRIES = 16, TRIES = 8, LAST_TRIES = 1000 };

#define LARGEST ((size_t)1 << 47)
/** Bytes that may be taken without `busy` after a few tries. */
#define APART_MAX ((size_t)1 << 20)

static struct word_pair stacks[STACKED_MAX / UNIT + 1]; /* {address of the top chunk or 0, changes} */
static struct word_pair pending;                        /* larger ones, until a thread holds `busy` */

static size_t apart; /* bytes that were taken without `busy` */
static uint32_t busy;
/* All of the following belongs to the thread that holds `busy`. */
static struct chunk *bins[BINS];
static uint64_t filled[(BINS + WORD_BITS - 1) / WORD_BITS]; /* a bit for each bin that is not empty */
/* Memory above all chunks, [top, top_end); its last 16 bytes are for a fence, and bytes from `clean` on are unused zeros. */
static char *top, *top_end, *clean;
static size_t grown; /* bytes taken from the heap */
static size_t taken; /* bytes of chunks that were taken since the stacks were emptied */

static size_t head_of(const struct chunk *chunk) {
  return __atomic_load_n(&chunk->head, __ATOMIC_RELAXED);
}

static void set_head(struct chunk *chunk, size_t head) {
  __atomic_store_n(&chunk->head, head, __ATOMIC_RELAXED);
}

static size_t size_of(const struct chunk *chunk) {
  return head_of(chunk) & ~(size_t)FLAGS;
}

static struct chunk *chunk_behind(struct chunk *chunk, size_t size) {
  return (struct chunk *)((char *)chunk + size);
}

static struct chunk *chunk_of(void *block) {
  return (struct chunk *)((char *)block - HEAD);
}

static void *block_of(struct chunk *chunk) {
  return (char *)chunk + HEAD;
}

/** The chunk size for a block; more than LARGEST if it can never fit. */
static size_t chunk_size(size_t size) {
  if (size > LARGEST) return 2 * LARGEST;
  return size <= SMALLEST - OVERHEAD ? SMALLEST : (size + OVERHEAD + UNIT - 1) & -(size_t)UNIT;
}

static struct chunk *pop(struct word_pair *stack) {
  struct word_pair seen = read_pair(stack);
  while (seen.low != 0) {
    uint64_t next = (uint64_t)__atomic_load_n(&((struct chunk *)seen.low)->next, __ATOMIC_RELAXED);
    if (compare_exchange_pair(stack, &seen, (struct word_pair){next, seen.high + 1})) return (struct chunk *)seen.low;
  }
  return NULL;
}

static void push(struct word_pair *stack, struct chunk *chunk) {
  struct word_pair seen = read_pair(stack);
  do __atomic_store_n(&chunk->next, (struct chunk *)seen.low, __ATOMIC_RELAXED);
  while (!compare_exchange_pair(stack, &seen, (struct word_pair){(uint64_t)chunk, seen.high + 1}));
}

/** Pops all chunks of a stack, linked by `next`. */
static struct chunk *pop_all(struct word_pair *stack) {
  struct word_pair seen = read_pair(stack);
  while (seen.low != 0)
    if (compare_exchange_pair(stack, &seen, (struct word_pair){0, seen.high + 1})) return (struct chunk *)seen.low;
  return NULL;
}

/* Bins: one for each size below STACKED_MAX, then eight for each power of two. */

static unsigned bin_of(size_t size) {
  if (size < STACKED_MAX) return (unsigned)(size / UNIT);
  unsigned power = 63 - (unsigned)__builtin_clzll(size);
  return EXACT_BINS + (power - 10) * SUBBINS + (size >> (power - 3) & (SUBBINS - 1));
}

static void insert(struct chunk *chunk, size_t size) {
  unsigned bin = bin_of(size);
  chunk->before = NULL;
  chunk->next = bins[bin];
  if (bins[bin] != NULL) bins[bin]->before = chunk;
  bins[bin] = chunk;
  filled[bin / WORD_BITS] |= (uint64_t)1 << bin % WORD_BITS;
}

static void take_out(struct chunk *chunk, size_t size) {
  unsigned bin = bin_of(size);
  if (chunk->next != NULL) chunk->next->before = chunk->before;
  if (chunk->before != NULL) chunk->before->next = chunk->next;
  else bins[bin] = chunk->next;
  if (bins[bin] == NULL) filled[bin / WORD_BITS] &= ~((uint64_t)1 << bin % WORD_BITS);
}

/** The first non-empty bin, at or above the given one; BINS if there is none. */
static unsigned filled_bin(unsigned bin) {
  unsigned word = bin / WORD_BITS;
  if (bin >= BINS) return BINS;
  uint64_t bits = filled[word] & (~(uint64_t)0 << bin % WORD_BITS);
  while (bits == 0) {
    if (++word == sizeof filled / sizeof filled[0]) return BINS;
    bits = filled[word];
  }
  return word * WORD_BITS + (unsigned)__builtin_ctzll(bits);
}

/** Removes a free chunk of at least `size` bytes from its bin; tries at most `tries` of the bin for that size. */
static struct chunk *find(size_t size, size_t tries) {
  unsigned bin = bin_of(size);
  for (struct chunk *chunk = bins[bin]; chunk != NULL && tries > 0; chunk = chunk->next, tries--)
    if (size_of(chunk) >= size) {
      take_out(chunk, size_of(chunk));
      return chunk;
    }
  bin = filled_bin(bin + 1);
  if (bin == BINS) return NULL;
  struct chunk *chunk = bins[bin];
  take_out(chunk, size_of(chunk));
  return chunk;
}

/** Marks the bytes between two used chunks as a free chunk. */
static void make_free(struct chunk *chunk, size_t size) {
  struct chunk *behind = chunk_behind(chunk, size);
  set_head(chunk, size | BEFORE_IS_USED);
  behind->size_before = size;
  set_head(behind, head_of(behind) & ~(size_t)BEFORE_IS_USED);
  insert(chunk, size);
}

/** Frees a used chunk, and merges it with its free neighbours. */
static void release(struct chunk *chunk) {
  size_t head = head_of(chunk), size = head & ~(size_t)FLAGS;
  struct chunk *behind = chunk_behind(chunk, size);
  if (!(head & BEFORE_IS_USED)) {
    size_t size_before = chunk->size_before;
    chunk = (struct chunk *)((char *)chunk - size_before);
    take_out(chunk, size_before);
    size += size_before;
  }
  if ((char *)behind == top) {
    top = (char *)chunk;
    return;
  }
  if (!(head_of(behind) & USED)) {
    take_out(behind, size_of(behind));
    size += size_of(behind);
  }
  make_free(chunk, size);
}

/** Shrinks a used chunk to `size`, if the rest is large enough for another chunk. */
static void trim(struct chunk *chunk, size_t size) {
  size_t head = head_of(chunk), rest = (head & ~(size_t)FLAGS) - size;
  if (rest < SMALLEST) return;
  struct chunk *behind = chunk_behind(chunk, size);
  set_head(chunk, size | (head & FLAGS));
  set_head(behind, rest | USED | BEFORE_IS_USED);
  release(behind);
}

/** Writes a fence: a used chunk of size 0, with which nothing merges. */
static void set_fence(char *at) {
  set_head((struct chunk *)at, USED | BEFORE_IS_USED);
}

/** Makes the rest of the old top a chunk, if new memory does not adjoin it. */
static void leave_top(void) {
  if (top == top_end) return;
  size_t size = (size_t)(top_end - top) - UNIT;
  set_fence(top + (size < SMALLEST ? 0 : size));
  if (size >= SMALLEST) make_free((struct chunk *)top, size);
}

/** Grows the top until a chunk of `size` bytes fits. Returns false if the heap is exhausted. */
static bool grow(size_t size) {
  while ((size_t)(top_end - top) < size + UNIT) {
    size_t missing = size + UNIT - (size_t)(top_end - top), amount = missing < GROWTH ? GROWTH : missing;
    char *more = bd0_heap_alloc(amount, UNIT);
    if (more == NULL && amount > missing) more = bd0_heap_alloc(amount = missing, UNIT);
    if (more == NULL) return false;
    if (more != top_end) {
      leave_top();
      top = clean = more;
    }
    top_end = more + amount;
    grown += amount;
  }
  return true;
}

/** Merges the chunks on all stacks. */
static void empty_stacks(void) {
  taken = 0;
  for (size_t i = SMALLEST / UNIT; i <= STACKED_MAX / UNIT; i++)
    for (struct chunk *chunk = pop_all(&stacks[i]), *next; chunk != NULL; chunk = next) {
      next = chunk->next;
      release(chunk);
    }
}

static void merge_pending(void) {
  for (struct chunk *chunk = pop_all(&pending), *next; chunk != NULL; chunk = next) {
    next = chunk->next;
    release(chunk);
  }
}

static bool take_busy(void) {
  if (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) != 0) return false;
  if (__atomic_load_n(&pending.low, __ATOMIC_RELAXED) != 0) merge_pending();
  return true;
}

/** Takes `busy`, letting other threads run at most `tries` times. Returns whether it was taken. */
static bool take_busy_within(int tries) {
  bool is_taken = take_busy();
  for (; !is_taken && tries > 0; tries--) {
    bd0_yield();
    is_taken = take_busy();
  }
  return is_taken;
}

static void leave_busy(void) {
  do __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
  while (__atomic_load_n(&pending.low, __ATOMIC_ACQUIRE) != 0 && take_busy());
}

/** Takes a chunk from the top; its bytes from `*dirty` on were never used. */
static struct chunk *take_from_top(size_t size, char **dirty) {
  struct chunk *chunk = (struct chunk *)top;
  top += size;
  *dirty = clean;
  if (clean < top + HEAD) clean = top + HEAD;
  set_head(chunk, size | USED | BEFORE_IS_USED);
  return chunk;
}

/** A used chunk of at least `size` bytes, or NULL. */
static struct chunk *take_chunk(size_t size, char **dirty) {
  struct chunk *chunk = find(size, OWN_BIN_TRIES);
  taken += size;
  if (chunk == NULL && (size_t)(top_end - top) < size + UNIT) {
    /* Small blocks on the stacks may merge to a large one, or be a large part of the heap. */
    bool merges = size > STACKED_MAX || taken >= GROWTH / 4 + grown / 8;
    if (merges) empty_stacks();
    if (merges) chunk = find(size, SIZE_MAX);
    if (chunk == NULL && !grow(size)) {
      empty_stacks();
      chunk = find(size, SIZE_MAX);
      if (chunk == NULL && (size_t)(top_end - top) < size + UNIT) return NULL;
    }
  }
  if (chunk == NULL) return take_from_top(size, dirty);
  *dirty = (char *)chunk + size_of(chunk) + HEAD;
  struct chunk *behind = chunk_behind(chunk, size_of(chunk));
  set_head(behind, head_of(behind) | BEFORE_IS_USED);
  set_head(chunk, head_of(chunk) | USED);
  trim(chunk, size);
  return chunk;
}

/** A chunk from the heap pointer, followed by a fence, whose block is aligned. */
static struct chunk *take_apart(size_t size, size_t align, char **dirty) {
  char *memory = bd0_heap_alloc(size + UNIT + (align > UNIT ? align : 0), UNIT);
  if (memory == NULL) return NULL;
  __atomic_fetch_add(&apart, size, __ATOMIC_RELAXED);
  struct chunk *chunk = (struct chunk *)((((uintptr_t)memory + HEAD + align - 1) & -align) - HEAD);
  set_head(chunk, size | USED | BEFORE_IS_USED);
  set_fence((char *)chunk + size);
  *dirty = (char *)chunk;
  return chunk;
}

/** Cuts a used chunk so that its block is aligned; it is `align` + SMALLEST larger than `size`. */
static struct chunk *align_chunk(struct chunk *chunk, size_t size, size_t align) {
  uintptr_t block = ((uintptr_t)block_of(chunk) + align - 1) & -align;
  size_t front = block - (uintptr_t)block_of(chunk);
  if (front > 0 && front < SMALLEST) front += align;
  struct chunk *aligned = chunk_behind(chunk, front);
  if (front > 0) {
    size_t head = head_of(chunk);
    set_head(aligned, ((head & ~(size_t)FLAGS) - front) | USED | BEFORE_IS_USED);
    set_head(chunk, front | (head & FLAGS));
    release(chunk);
  }
  trim(aligned, size);
  return aligned;
}

static struct chunk *take_while_busy(size_t size, size_t align, char **dirty) {
  struct chunk *chunk = take_chunk(align > UNIT ? size + align + SMALLEST : size, dirty);
  if (chunk != NULL && align > UNIT) chunk = align_chunk(chunk, size, align);
  leave_busy();
  return chunk;
}

/** A block whose bytes from `*dirty` on are zeros; NULL, with errno set, if there is no memory. */
static void *allocate(size_t size, size_t align, char **dirty) {
  size_t needed = chunk_size(size);
  struct chunk *chunk = NULL;
  if (needed <= STACKED_MAX) chunk = pop(&stacks[needed / UNIT]);
  if (chunk != NULL && (uintptr_t)block_of(chunk) % align != 0) {
    push(&stacks[needed / UNIT], chunk);
    chunk = NULL;
  }
  if (chunk != NULL) {
    *dirty = (char *)chunk + needed + HEAD;
    return block_of(chunk);
  }
  if (needed <= LARGEST && align <= LARGEST) {
    bool is_taken = take_busy_within(__atomic_load_n(&apart, __ATOMIC_RELAXED) < APART_MAX ? TRIES : LAST_TRIES);
    if (!is_taken) chunk = take_apart(needed, align, dirty);
    if (!is_taken && chunk == NULL) is_taken = take_busy_within(LAST_TRIES);
    if (is_taken) chunk = take_while_busy(needed, align, dirty);
  }
  if (chunk != NULL) return block_of(chunk);
  errno = ENOMEM;
  return NULL;
}

void *malloc(size_t size) {
  char *dirty;
  return allocate(size, UNIT, &dirty);
}

void *calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) total = SIZE_MAX; /* more than there ever is */
  char *dirty;
  char *block = allocate(total, UNIT, &dirty);
  if (block == NULL || dirty <= block) return block;
  size_t used = (size_t)(dirty - block);
  memset(block, 0, used < total ? used : total);
  return block;
}

void *aligned_alloc(size_t align, size_t size) {
  if (align == 0 || (align & (align - 1)) != 0) {
    errno = EINVAL;
    return NULL;
  }
  char *dirty;
  return allocate(size, align < UNIT ? UNIT : align, &dirty);
}

void *memalign(size_t align, size_t size) {
  return aligned_alloc(align, size);
}

void free(void *block) {
  if (block == NULL) return;
  struct chunk *chunk = chunk_of(block);
  size_t size = size_of(chunk);
  if (size <= STACKED_MAX) {
    push(&stacks[size / UNIT], chunk);
  } else if (take_busy()) {
    release(chunk);
    leave_busy();
  } else {
    push(&pending, chunk);
    if (take_busy()) leave_busy(); /* it may have been released since then; its next holder merges `pending` */
  }
}

size_t malloc_usable_size(void *block) {
  return block == NULL ? 0 : size_of(chunk_of(block)) - OVERHEAD;
}

/** Resizes a used chunk to `size` in place: with the free memory after it, or by freeing its end. */
static bool resize(struct chunk *chunk, size_t size) {
  size_t head = head_of(chunk), now = head & ~(size_t)FLAGS;
  struct chunk *behind = chunk_behind(chunk, now);
  if (now < size && (char *)behind == top && grow(size - now) && (char *)behind == top) {
    char *dirty;
    take_from_top(size - now, &dirty);
    set_head(chunk, size | (head & FLAGS));
    return true;
  }
  if (now < size && (char *)behind != top && !(head_of(behind) & USED) && now + size_of(behind) >= size) {
    now += size_of(behind);
    take_out(behind, size_of(behind));
    set_head(chunk, now | (head & FLAGS));
    behind = chunk_behind(chunk, now);
    set_head(behind, head_of(behind) | BEFORE_IS_USED);
  }
  if (now < size) return false;
  trim(chunk, size);
  return true;
}

void *realloc(void *block, size_t size) {
  if (block == NULL) return malloc(size);
  struct chunk *chunk = chunk_of(block);
  size_t now = size_of(chunk), needed = chunk_size(size);
  bool shrinks = needed <= now;
  if (shrinks && now - needed < STACKED_MAX) return block;
  if (needed <= LARGEST && take_busy()) {
    bool is_done = resize(chunk, needed);
    leave_busy();
    if (is_done) return block;
  }
  if (shrinks) return block;
  void *larger = malloc(size);
  if (larger == NULL) return NULL;
  memcpy(larger, block, now - OVERHEAD);
  free(block);
  return larger;
}
