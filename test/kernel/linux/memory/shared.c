/* Memory that processes share, files that are mapped shared, bus errors, seals, and a lock that two processes share. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <pthread.h>
static sigjmp_buf env; static void *addr; static int sig;
static void h(int s, siginfo_t *i, void *c){ sig=s*100+i->si_code; addr=i->si_addr; siglongjmp(env,1);}

static void seals(void) {
  int fd = memfd_create("sealed", MFD_ALLOW_SEALING);
  printf("%d %d\n", ftruncate(fd, 100), fcntl(fd, F_GET_SEALS));
  char *m = mmap(0, 4096, 3, MAP_SHARED, fd, 0);
  m[5] = 'q';
  printf("%d %d\n", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), errno);
  munmap(m, 4096);
  printf("%d\n", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW));
  printf("%zd %d\n", pwrite(fd, "x", 1, 0), errno);
  printf("%d %d\n", ftruncate(fd, 200), errno);
  printf("%d %d\n", ftruncate(fd, 50), fcntl(fd, F_GET_SEALS));
  printf("%d %d\n", mmap(0, 4096, 3, MAP_SHARED, fd, 0) == MAP_FAILED, errno);
  m = mmap(0, 4096, 1, MAP_SHARED, fd, 0);
  printf("%c %d %d\n", m[5], mprotect(m, 4096, 3), errno);
  char link[64], path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  link[readlink(path, link, 63)] = 0;
  puts(link);
}

/* Two processes count with a lock in memory that they share, and wait for each other. */
static void count(void) {
  struct shared { pthread_mutex_t lock; pthread_cond_t turn; int count, whose; } *s = mmap(0, 4096, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t m; pthread_mutexattr_init(&m); pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED);
  pthread_condattr_t c; pthread_condattr_init(&c); pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&s->lock, &m); pthread_cond_init(&s->turn, &c);
  fflush(stdout);
  int child = fork();
  for (int i = 0; i < 200; i++) {
    pthread_mutex_lock(&s->lock);
    while (s->whose != (child == 0)) pthread_cond_wait(&s->turn, &s->lock);
    s->count++;
    s->whose = child != 0;
    pthread_cond_signal(&s->turn);
    pthread_mutex_unlock(&s->lock);
  }
  if (child == 0) _exit(0);
  wait(0);
  printf("%d\n", s->count);
}

int main(void){
  int *p = mmap(0, 3*4096, 3, MAP_SHARED|MAP_ANONYMOUS, -1, 0);
  p[0]=5; 
  if (!fork()) { p[0]++; p[1024]=7; if(!fork()){ p[2048]=p[1024]+1; _exit(0);} wait(0); _exit(0);} wait(0);
  printf("%d %d %d\n", p[0], p[1024], p[2048]);
  int fd=open("f.bin", O_RDWR|O_CREAT|O_TRUNC, 0644);
  write(fd, "hello world", 11);
  char *m = mmap(0, 8192, 3, MAP_SHARED, fd, 0);
  struct sigaction sa={.sa_sigaction=h,.sa_flags=SA_SIGINFO}; sigaction(SIGBUS,&sa,0); sigaction(SIGSEGV,&sa,0);
  memcpy(m, "HELLO", 5);
  char b[32]={0}; pread(fd,b,31,0); printf("%s\n", b);
  pwrite(fd,"W",1,6); printf("%.11s\n", m);
  if (!sigsetjmp(env,1)) { m[4096]=1; puts("no"); } else printf("sig %d at %ld\n", sig, (char*)addr-m);
  ftruncate(fd, 5000); m[4096]='x'; pread(fd,b,1,4096); printf("%c\n", b[0]);
  ftruncate(fd, 3); if (!sigsetjmp(env,1)) { m[4096]=1; puts("no"); } else printf("sig %d\n", sig);
  printf("[%.8s]\n", m);
  ftruncate(fd, 11); printf("%d %d\n", m[3], m[10]);
  char *q = mmap(0, 4096, 1, MAP_SHARED, fd, 0); m[0]='J'; printf("%c %s\n", q[0], mprotect(q,4096,3)?strerror(errno):"ok");
  int ro=open("f.bin",O_RDONLY); printf("%s\n", mmap(0,4096,3,MAP_SHARED,ro,0)==MAP_FAILED?strerror(errno):"ok");
  q = mmap(0, 4096, 1, MAP_SHARED, ro, 0); printf("%s\n", mprotect(q,4096,3)?strerror(errno):"ok");
  close(fd); close(ro);
  if (!fork()) { m[1]='K'; _exit(0);} wait(0);
  munmap(m, 8192); munmap(q,4096);
  fd=open("f.bin",O_RDONLY); memset(b,0,32); read(fd,b,31); printf("%s\n",b);
  char *z = mmap(0, 8192*2, 1, MAP_PRIVATE, fd, 0);
  if (!sigsetjmp(env,1)) { printf("%d", z[8192]); puts("no"); } else printf("sig %d\n", sig);
  printf("%ld\n", (long)write(1, z+8192, 10)); 
  fflush(stdout);
  if(!fork()){ signal(SIGBUS,SIG_DFL); z[9000]; volatile char c=z[9000]; (void)c; _exit(0);} int st; wait(&st); printf("%d %d\n", WIFSIGNALED(st), WTERMSIG(st));
  seals();
  count();
  return 0;
}

