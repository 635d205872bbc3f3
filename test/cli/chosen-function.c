/* A program of Linux without libraries, of which the function `chosen` is chosen when it starts. */
static volatile int times;

static int first(void) {
  return ++times;
}

static int second(void) {
  return times += 2;
}

typedef int function(void);

static function *choose(void) {
  return times == 0 ? second : first;
}

int chosen(void) __attribute__((ifunc("choose")));

int main(void) {
  return chosen() + chosen();
}
