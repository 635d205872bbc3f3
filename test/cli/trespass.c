/*
 * Starts itself as a neighbour and stores into the neighbour's memory, as often as the first argument says. Then it tells
 * what is there.
 */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline, noclone)) static void trespass(volatile unsigned *at, unsigned value) { *at = value; }

int main(int argc, char **argv)
{
    if (argc < 2) {
        bd0_sleep(BD0_FOREVER);
        return 0;
    }
    int64_t pid = bd0_start("trespass", 1 << 20, NULL, 0, 0);
    volatile unsigned *theirs = (volatile unsigned *)(bd0_process_start(pid) + (1 << 19));
    printf("before\n");
    fflush(stdout);
    for (int i = 0; i < atoi(argv[1]); i++)
        trespass(theirs + i, 0x11223344);
    printf("after:");
    for (int i = 0; i < atoi(argv[1]); i++)
        printf(" %x", theirs[i]);
    printf("\n");
    bd0_process_kill(pid, 0);
    return 0;
}
