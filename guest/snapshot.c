/*
 * snapshot [N]: a search tree of N random numbers, whose memory gets a name; others look at it, and go on from there.
 *
 *     snapshot save NAME [N]      grows a tree of N numbers, gives its memory a name, and grows on
 *     snapshot look NAME [N]      maps that memory copy-on-write, anywhere, and grows its own copy by N numbers
 *     snapshot resume NAME [N]    maps it where the tree of this process would grow, and goes on with N numbers
 *     snapshot [N]                all of it in one process
 *
 * On BD0 that costs a hash for each page that was written, whatever the size of the memory, and no copy: vmo_commit,
 * name_publish, vmo_map. On Linux the name is a file under /tmp.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Memory of a tree, most of which is never touched. */
#define ARENA_BYTES ((uint64_t)256 << 20)

#ifdef __bd0__

#include <bd0.h>

/** Fresh memory of so many bytes, in whole pages. */
static void *new_arena(void) {
  return bd0_heap_alloc(ARENA_BYTES, 4096);
}

/** Gives the memory as it is now a name. Answers whether that went well. */
static int publish(const char *name, void *arena) {
  int64_t snapshot = bd0_vmo_commit(arena, ARENA_BYTES);
  int64_t result = bd0_is_error(snapshot) ? snapshot : bd0_name_publish(name, snapshot, BD0_ANYTHING);
  bd0_vmo_close(snapshot);
  return !bd0_is_error(result);
}

/** Maps what has a name: at an address of this process, in the place of what is there, or anywhere, for NULL. */
static void *map(const char *name, void *address) {
  int64_t snapshot = bd0_name_lookup(name);
  if (bd0_is_error(snapshot)) return NULL;
  int64_t mapped = bd0_vmo_map(snapshot, 0, address, ARENA_BYTES, BD0_READ | BD0_WRITE);
  bd0_vmo_close(snapshot);
  return bd0_is_error(mapped) ? NULL : (void *)mapped;
}

static void forget(const char *name) {
  bd0_name_publish(name, BD0_NOTHING, BD0_ANYTHING);
}

static const char *own_name(void) {
  return "snapshot";
}

#else

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static void *new_arena(void) {
  return mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static const char *path_of(const char *name) {
  static char path[100];
  snprintf(path, sizeof path, "/tmp/%s", name);
  return path;
}

static int publish(const char *name, void *arena) {
  int file = open(path_of(name), O_CREAT | O_TRUNC | O_WRONLY, 0600);
  uint64_t used = *(uint64_t *)arena;
  int is_done = file >= 0 && write(file, arena, used) == (ssize_t)used && ftruncate(file, (off_t)ARENA_BYTES) == 0;
  close(file);
  return is_done;
}

static void *map(const char *name, void *address) {
  int file = open(path_of(name), O_RDONLY);
  if (file < 0) return NULL;
  int flags = MAP_PRIVATE | MAP_NORESERVE | (address ? MAP_FIXED : 0);
  void *mapped = mmap(address, ARENA_BYTES, PROT_READ | PROT_WRITE, flags, file, 0);
  close(file);
  return mapped == MAP_FAILED ? NULL : mapped;
}

static void forget(const char *name) {
  unlink(path_of(name));
}

/** A name that no other run uses. */
static const char *own_name(void) {
  static char name[40];
  snprintf(name, sizeof name, "snapshot.%d", (int)getpid());
  return name;
}

#endif

/** Places in an arena are told by their distance from its start, so that it may lie anywhere; 0 is none. */
typedef uint32_t place;

struct node {
  uint32_t number;
  uint32_t times;
  place lower;
  place higher;
};

/** What an arena begins with: all that there is to know to go on. */
struct tree {
  uint64_t used; /* bytes of the arena */
  uint64_t random;
  uint64_t numbers;
  uint64_t sum;
  place root;
};

static struct tree *plant(void *arena) {
  struct tree *tree = arena;
  *tree = (struct tree){.used = sizeof *tree, .random = 88172645463325252};
  return tree;
}

static uint32_t next_number(struct tree *tree) {
  tree->random ^= tree->random << 13;
  tree->random ^= tree->random >> 7;
  tree->random ^= tree->random << 17;
  return (uint32_t)(tree->random >> 20) & 0xfffff;
}

static void insert(struct tree *tree, uint32_t number) {
  char *arena = (char *)tree;
  place *link = &tree->root;
  while (*link != 0) {
    struct node *node = (struct node *)(arena + *link);
    if (node->number == number) {
      node->times++;
      return;
    }
    link = number < node->number ? &node->lower : &node->higher;
  }
  if (tree->used + sizeof(struct node) > ARENA_BYTES) {
    fprintf(stderr, "snapshot: the tree is full\n");
    exit(1);
  }
  *link = (place)tree->used;
  *(struct node *)(arena + tree->used) = (struct node){.number = number, .times = 1};
  tree->used += sizeof(struct node);
}

static void grow(struct tree *tree, unsigned long numbers) {
  for (unsigned long i = 0; i < numbers; i++) {
    uint32_t number = next_number(tree);
    insert(tree, number);
    tree->numbers++;
    tree->sum += number;
  }
}

/** A checksum over the numbers in their order, so that every link counts. */
static uint64_t check(const struct tree *tree, place at, uint64_t sum) {
  if (at == 0) return sum;
  const struct node *node = (const struct node *)((const char *)tree + at);
  sum = check(tree, node->lower, sum) * 31 + node->number * (uint64_t)node->times;
  return check(tree, node->higher, sum);
}

static void tell(const char *what, const struct tree *tree) {
  printf("%s: %llu numbers, sum %llu, checksum %016llx\n", what, (unsigned long long)tree->numbers,
         (unsigned long long)tree->sum, (unsigned long long)check(tree, tree->root, 0));
}

static int fail(const char *name) {
  fprintf(stderr, "snapshot: '%s' cannot be had\n", name);
  return 1;
}

static int save(struct tree *tree, const char *name, unsigned long numbers) {
  grow(tree, numbers);
  if (!publish(name, tree)) return fail(name);
  tell("saved", tree);
  grow(tree, numbers);
  tell("grown on", tree);
  return 0;
}

static int look(const char *name, unsigned long numbers) {
  struct tree *copy = map(name, NULL);
  if (!copy) return fail(name);
  tell("found", copy);
  grow(copy, numbers);
  tell("copy grown", copy);
  return 0;
}

static int resume(struct tree *tree, const char *name, unsigned long numbers) {
  if (!map(name, tree)) return fail(name);
  tell("restored", tree);
  grow(tree, numbers);
  tell("grown on", tree);
  return 0;
}

static int all(struct tree *tree, unsigned long numbers) {
  const char *name = own_name();
  int failed = save(tree, name, numbers) || look(name, numbers) || look(name, 0) || resume(tree, name, numbers);
  forget(name);
  return failed;
}

int main(int argc, char **argv) {
  struct tree *tree = plant(new_arena());
  unsigned long numbers = argc == 2 || argc == 4 ? strtoul(argv[argc - 1], NULL, 10) : 1000;
  if (argc <= 2) return all(tree, numbers);
  if (strcmp(argv[1], "save") == 0) return save(tree, argv[2], numbers);
  if (strcmp(argv[1], "look") == 0) return look(argv[2], numbers);
  if (strcmp(argv[1], "resume") == 0) return resume(tree, argv[2], numbers);
  fprintf(stderr, "snapshot: '%s' is none of save, look and resume\n", argv[1]);
  return 1;
}
