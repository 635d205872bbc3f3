/* A program of Linux, and the library (-DLIBRARY) that it loads and unloads. */
#include <dlfcn.h>
#include <string.h>

#ifdef LIBRARY
const int limits[4] = {1, 2, 3, 4};

__attribute__((noinline)) static int doubled(int n) {
  return 2 * n;
}

void fill(int *place, int n, void (*callback)(void)) {
  *place = doubled(n);
  if (callback) callback();
}
#else
int counter;

static void pause_here(void) {
}

int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW);
  void (*fill)(int *, int, void (*)(void)) = (void (*)(int *, int, void (*)(void)))dlsym(library, "fill");
  int *limits = (int *)dlsym(library, "limits");
  fill(&counter, 21, strcmp(argv[2], "pause") == 0 ? pause_here : NULL);
  if (strcmp(argv[2], "crash") == 0) fill((int *)16, 1, NULL);
  if (strcmp(argv[2], "limits") == 0) fill(limits, 1, NULL);
  dlclose(library);
  return counter;
}
#endif
