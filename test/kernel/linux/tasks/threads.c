#include <pthread.h>
#include <stdio.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; static pthread_cond_t cv = PTHREAD_COND_INITIALIZER; static long total; static int ready; static __thread int tls=7;
static void* work(void* a){ for(int i=0;i<10000;i++){ pthread_mutex_lock(&m); total+=(long)a; pthread_mutex_unlock(&m);} tls += (int)(long)a; pthread_mutex_lock(&m); ready++; pthread_cond_signal(&cv); pthread_mutex_unlock(&m); return (void*)(long)tls; }
int main(void){ pthread_t t[8]; for(long i=0;i<8;i++) pthread_create(&t[i],0,work,(void*)i); pthread_mutex_lock(&m); while(ready<8) pthread_cond_wait(&cv,&m); pthread_mutex_unlock(&m); long s=0; for(int i=0;i<8;i++){ void*r; pthread_join(t[i],&r); s+=(long)r;} printf("%ld %ld %d\n", total, s, tls); return 0; }
