/*
 * malloc over the heap pointer. A block is a power of two in size, its head included, and goes back to the list of its
 * size class; the classes do not merge. A list is a stack whose top is changed together with a count of changes, so
 * that a thread that was overtaken between reading the top and exchanging it fails, even if the same block lies on top
 * again. The heap never shrinks, so the `next` of a block that another thread has just taken can still be read.
 */
#include <bd0.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "compare_exchange.h"

enum { SMALLEST_CLASS = 5, CLASSES = 48 }; /* 32 bytes; 2^48 is the whole address space */

/** Instead of a class: the block lies within another one, which `next` leads to. */
#define WITHIN UINT64_MAX

/** What precedes the bytes of a block: its class, and while it is free the block below it. */
struct head {
  uint64_t size_class;
  struct head *next;
};

static struct word_pair free_blocks[CLASSES]; /* {address of the top block or 0, changes} */

static struct head *pop(unsigned size_class) {
  struct word_pair *list = &free_blocks[size_class];
  struct word_pair seen = read_pair(list);
  while (seen.low != 0) {
    uint64_t next = (uint64_t)__atomic_load_n(&((struct head *)seen.low)->next, __ATOMIC_RELAXED);
    if (compare_exchange_pair(list, &seen, (struct word_pair){next, seen.high + 1})) return (struct head *)seen.low;
  }
  return NULL;
}

static void push(struct head *block) {
  struct word_pair *list = &free_blocks[block->size_class];
  struct word_pair seen = read_pair(list);
  do __atomic_store_n(&block->next, (struct head *)seen.low, __ATOMIC_RELAXED);
  while (!compare_exchange_pair(list, &seen, (struct word_pair){(uint64_t)block, seen.high + 1}));
}

/** A block for `size` bytes; `*zero` says whether they are known to be zeros. */
static void *allocate(size_t size, bool *zero) {
  unsigned size_class = SMALLEST_CLASS;
  if (size > ((size_t)1 << SMALLEST_CLASS) - sizeof(struct head))
    size_class = size < (size_t)1 << 62 ? 64 - (unsigned)__builtin_clzll(size + sizeof(struct head) - 1) : CLASSES;
  struct head *block = size_class < CLASSES ? pop(size_class) : NULL;
  *zero = block == NULL;
  if (block == NULL && size_class < CLASSES) block = bd0_heap_alloc((size_t)1 << size_class, 16);
  if (block == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  block->size_class = size_class;
  return block + 1;
}

/** The head of the block that was taken from the heap, for the bytes that the caller was given. */
static struct head *head_of(void *block) {
  struct head *head = (struct head *)block - 1;
  return head->size_class == WITHIN ? head->next : head;
}

/** Bytes from `block` to the end of what was taken for it. */
static size_t capacity_of(void *block) {
  struct head *head = head_of(block);
  return ((size_t)1 << head->size_class) - (size_t)((char *)block - (char *)head);
}

void *malloc(size_t size) {
  bool zero;
  return allocate(size, &zero);
}

void *calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) total = SIZE_MAX; /* more than there ever is */
  bool zero;
  void *block = allocate(total, &zero);
  if (block != NULL && !zero) memset(block, 0, total);
  return block;
}

void *aligned_alloc(size_t align, size_t size) {
  if (align == 0 || (align & (align - 1)) != 0) {
    errno = EINVAL;
    return NULL;
  }
  if (align <= sizeof(struct head)) return malloc(size);
  size_t total;
  if (__builtin_add_overflow(size, align, &total)) total = SIZE_MAX;
  char *block = malloc(total);
  if (block == NULL || (uintptr_t)block % align == 0) return block;
  struct head *inner = (struct head *)(block + (-(uintptr_t)block & (align - 1))) - 1;
  *inner = (struct head){WITHIN, (struct head *)block - 1};
  return inner + 1;
}

void free(void *block) {
  if (block != NULL) push(head_of(block));
}

void *realloc(void *block, size_t size) {
  if (block == NULL) return malloc(size);
  size_t capacity = capacity_of(block);
  if (size <= capacity) return block;
  void *larger = malloc(size);
  if (larger == NULL) return NULL;
  memcpy(larger, block, capacity);
  free(block);
  return larger;
}
