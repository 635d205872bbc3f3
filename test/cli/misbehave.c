/* Does what its first argument says: how programs end, and what they do to the console. */
#include <bd0.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int constant = 1;
static char block[256 * 1024];

__attribute__((noinline)) static void store(volatile int *address) { *address = 1; }

/* Console writes of 64 bytes or of the whole block, for ever. */
static void flood(long length)
{
    for (long i = 0; i < (long)sizeof block; i++)
        block[i] = i % 64 == 63 ? '\n' : 'x';
    for (;;)
        bd0_console_write(block, length);
}

/* Writes to each page of so many bytes, so that no two of them are equal. */
static void touch(long bytes)
{
    volatile long *memory = malloc(bytes);
    for (long i = 0; i < bytes; i += 4096)
        memory[i / sizeof(long)] = i + 1;
}

/* Reads with a deadline in nanoseconds from now, and tells the result and how long it took. */
static void read_within(long nanoseconds)
{
    char byte;
    long start = bd0_clock();
    long result = bd0_console_read(&byte, 1, start + nanoseconds);
    long passed = bd0_clock() - start;
    printf("%ld, %s\n", result, passed < nanoseconds ? "early" : "in time");
}

/* Makes kernel-calls, one after another, without end. */
static void call(void)
{
    for (;;)
        bd0_clock();
}

/* Runs fast for a while, then instructions that take a thousand times as long. */
static void crawl(void)
{
    for (long i = 0; i < 100000000; i++)
        __asm__ volatile("");
    for (;;)
        __asm__ volatile("xor %%eax, %%eax; cpuid" ::: "rax", "rbx", "rcx", "rdx");
}

/* Starts a program that traps, and tells whether its image is still open, and the time, when it has ended. */
static void outlive(char *name)
{
    struct bd0_process_info info;
    char *argv[] = {name, "undefined", 0};
    long pid = bd0_start(name, 1 << 24, argv, 0, 0);
    bd0_process_info(pid, &info);
    long code = bd0_process_wait(pid, -1);
    long opened = bd0_vmo_open(info.image_id);
    printf("%ld, %s at %ld\n", code, opened < 0 ? "closed" : "open", bd0_clock());
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    long number = argc > 2 ? atol(argv[2]) : 0;
    if (!strcmp(what, "exit"))
        return number;
    puts(what);
    fflush(stdout);
    if (!strcmp(what, "null"))
        store((int *)number);
    if (!strcmp(what, "constant"))
        store((int *)&constant);
    if (!strcmp(what, "divide"))
        return 100 / *(volatile long *)&number;
    if (!strcmp(what, "undefined"))
        __asm__ volatile("ud2");
    if (!strcmp(what, "breakpoint"))
        __asm__ volatile("int3");
    if (!strcmp(what, "privileged"))
        __asm__ volatile("hlt");
    if (!strcmp(what, "unaligned"))
        __asm__ volatile("pushf; orl $0x40000, (%%rsp); popf; movl 1(%%rsp), %%eax" ::: "rax", "memory");
    if (!strcmp(what, "float"))
        __asm__ volatile("push %0; ldmxcsr (%%rsp); pxor %%xmm0, %%xmm0; divss %%xmm0, %%xmm0" ::"r"(0L) : "memory", "xmm0");
    if (!strcmp(what, "touch"))
        touch(number);
    if (!strcmp(what, "spin"))
        for (;;)
            ;
    if (!strcmp(what, "flood"))
        flood(number);
    if (!strcmp(what, "sleep"))
        bd0_sleep(number);
    if (!strcmp(what, "call"))
        call();
    if (!strcmp(what, "crawl"))
        crawl();
    if (!strcmp(what, "outlive"))
        outlive(argv[2]);
    if (!strcmp(what, "read"))
        read_within(number);
    return 0;
}
