/* Jumps out of functions, as in ISO C 7.13. There are no signals, and so no mask of them to be saved. */
#ifndef BD0_SETJMP_H
#define BD0_SETJMP_H

#ifdef __cplusplus
extern "C" {
#endif

/** rbx, rbp, r12 to r15, rsp and rip: what a function preserves (psABI for x86-64, 3.2.1). */
typedef unsigned long jmp_buf[8];

/** Returns 0; again, with the value that longjmp was given, or 1 for 0, each time that longjmp is called. */
int setjmp(jmp_buf place) __attribute__((__returns_twice__));
#define setjmp(place) setjmp(place)
/** Only in the thread that called setjmp, and before the function that called it has returned. */
__attribute__((__noreturn__)) void longjmp(jmp_buf place, int value);

#ifdef __cplusplus
}
#endif

#endif
