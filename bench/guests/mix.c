/* mix [N]: N orders against a small warehouse: short strings copied and compared, structures passed and assigned, lists
   walked, small functions called, much as everyday programs do. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME = 24, ITEMS = 64, SHELVES = 16, HISTORY = 32 };

enum kind { TOOL, BOOK, FRUIT };

struct item {
  char name[NAME];
  enum kind kind;
  int32_t stock;
  int32_t price;
  struct item *next;
};

struct order {
  char name[NAME];
  int32_t amount;
  bool urgent;
};

struct receipt {
  struct order order;
  int32_t total;
  enum kind kind;
};

static struct item items[ITEMS];
static struct item *shelves[SHELVES];
static struct receipt history[HISTORY];

static size_t copy_text(char *to, const char *from) {
  size_t n = 0;
  while ((to[n] = from[n]) != 0) n++;
  return n;
}

static __attribute__((noinline)) int compare_text(const char *left, const char *right) {
  while (*left != 0 && *left == *right) left++, right++;
  return (unsigned char)*left - (unsigned char)*right;
}

static void name_item(char *name, unsigned number) {
  static const char *const stems[] = {"hammer-", "dictionary-", "pear-"};
  size_t length = copy_text(name, stems[number % 3]);
  name[length++] = (char)('0' + number / 10 % 10);
  name[length++] = (char)('0' + number % 10);
  name[length] = 0;
}

static unsigned shelf_of(const char *name) {
  unsigned hash = 5381;
  for (; *name != 0; name++) hash = hash * 33 + (unsigned char)*name;
  return hash % SHELVES;
}

static __attribute__((noinline)) struct item *find(const char *name) {
  struct item *item = shelves[shelf_of(name)];
  while (item != NULL && compare_text(item->name, name) != 0) item = item->next;
  return item;
}

static int32_t price_of(const struct item *item, const struct order *order) {
  int32_t total = item->price * order->amount;
  switch (item->kind) {
    case TOOL:
      return order->amount > 4 ? total - total / 10 : total;
    case BOOK:
      return total + 3;
    default:
      return order->urgent ? total * 2 : total;
  }
}

static __attribute__((noinline)) struct receipt fulfil(struct order order) {
  struct receipt receipt = {.order = order};
  struct item *item = find(order.name);
  if (item == NULL) return receipt;
  if (item->stock < order.amount) item->stock += 100;
  item->stock -= order.amount;
  receipt.kind = item->kind;
  receipt.total = price_of(item, &order);
  return receipt;
}

static void fill_warehouse(void) {
  for (unsigned i = 0; i < ITEMS; i++) {
    name_item(items[i].name, i);
    items[i].kind = (enum kind)(i % 3);
    items[i].stock = (int32_t)(50 + i);
    items[i].price = (int32_t)(3 + i * 7 % 40);
    unsigned shelf = shelf_of(items[i].name);
    items[i].next = shelves[shelf];
    shelves[shelf] = &items[i];
  }
}

int main(int argc, char **argv) {
  unsigned long orders = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
  fill_warehouse();
  uint32_t random = 12345;
  int64_t income = 0;
  unsigned long unknown = 0;
  for (unsigned long i = 0; i < orders; i++) {
    random = random * 1664525 + 1013904223;
    struct order order = {.amount = (int32_t)(1 + (random >> 24) % 9), .urgent = (random >> 20 & 3) == 0};
    name_item(order.name, (random >> 8) % (ITEMS + 4));
    history[i % HISTORY] = fulfil(order);
    income += history[i % HISTORY].total;
    unknown += history[i % HISTORY].total == 0;
  }
  uint64_t stock = 0;
  for (unsigned i = 0; i < ITEMS; i++) stock = stock * 7 + (uint64_t)items[i].stock;
  printf("%lu orders, income %lld, %lu unknown, stock checksum %016llx\n", orders, (long long)income, unknown,
         (unsigned long long)stock);
  return 0;
}
