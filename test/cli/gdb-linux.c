/* A program of Linux with libraries: one that it is linked with (-DLIBRARY) and one that it loads (-DPLUGIN). */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int weigh(int count);

#ifdef LIBRARY
int weigh(int count) {
  int grams = 3 * count;
  return grams;
}
#elif defined PLUGIN
int plugged = 1;

__attribute__((constructor)) static void begin(void) {
  plugged = 2;
}

int plug(int (*callback)(int)) {
  return callback(plugged) + 1;
}
#else
static int compare(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

static int answer(int n) {
  return 10 * n;
}

static void *sort(void *numbers) {
  qsort(numbers, 3, sizeof(int), compare);
  return NULL;
}

static int loading(const char *path) {
  void *plugin = dlopen(path, RTLD_NOW);
  int (*plug)(int (*)(int)) = (int (*)(int (*)(int)))dlsym(plugin, "plug");
  int result = plug(answer);
  dlclose(plugin);
  return result;
}

int main(int argc, char **argv) {
  int numbers[3] = {3, 1, 2};
  if (strcmp(argv[1], "sort") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, sort, numbers);
    pthread_join(thread, NULL);
    printf("%d of %d\n", numbers[0], weigh(2));
    return 3;
  }
  if (strcmp(argv[1], "load") == 0) return loading(argv[2]);
  if (strcmp(argv[1], "read") == 0) {
    puts("ready");
    fflush(stdout);
    return (int)read(0, numbers, 1);
  }
  if (strcmp(argv[1], "fork") == 0) {
    int status;
    if (fork() == 0) execl(argv[2], argv[2], "sort", (char *)NULL);
    wait(&status);
    if (WEXITSTATUS(status) != 3) return 1;
  }
  execl(argv[2], argv[2], "sort", (char *)NULL);
  return 2;
}
#endif
