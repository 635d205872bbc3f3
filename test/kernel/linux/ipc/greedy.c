/* Makes objects of each kind until there is no room, and removes them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include "../say.h"

enum { MOST = 100000 };

static int ids[MOST], queues[MOST];

static struct { long type; char bytes[8192]; } message = {1, ""};

static void refused(const char *what) { say("%s: errno %d\n", what, errno); }

static int make_queues(void) {
  int count = 0;
  while (count < MOST && (queues[count] = msgget(IPC_PRIVATE, 0600)) >= 0) count++;
  return count;
}

int main(void) {
  int count = 0, made;
  while (count < MOST && (ids[count] = semget(IPC_PRIVATE, 1000, 0600)) >= 0) count++;
  refused("sets");
  struct sembuf undone = {0, 1, SEM_UNDO};
  while (count > 0) semctl(ids[--count], 0, IPC_RMID);

  int first = msgget(IPC_PRIVATE, 0600);
  struct msqid_ds status;
  msgctl(first, IPC_STAT, &status);
  status.msg_qbytes = 100000000;
  msgctl(first, IPC_SET, &status);
  while (msgsnd(first, &message, 8192, IPC_NOWAIT) == 0) ;
  refused("messages");
  msgctl(first, IPC_RMID, NULL);

  made = make_queues();
  refused("queues");
  while (made > 0) msgctl(queues[--made], IPC_RMID, NULL);

  char name[20];
  do sprintf(name, "/q%d", count++);
  while ((queues[count] = mq_open(name, O_RDWR | O_CREAT, 0600, &(struct mq_attr){0, 10, 10})) >= 0);
  refused("posix");
  while (--count > 0) {
    close(queues[count]);
    sprintf(name, "/q%d", count - 1);
    mq_unlink(name);
  }

  /* What undoes the operations of a process takes room of its own. */
  int set = semget(IPC_PRIVATE, 1000, 0600);
  made = make_queues();
  if (semop(set, &undone, 1) < 0) refused("undone");
  while (made > 0) msgctl(queues[--made], IPC_RMID, NULL);
  semctl(set, 0, IPC_RMID);
  say("removed\n");
  return 0;
}
