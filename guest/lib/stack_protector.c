/*
 * What -fstack-protector calls when a function finds that the word below its return address is not the one at fs:28h. The
 * kernel puts that word there before the first instruction of each thread.
 */
#include <stdio.h>
#include <stdlib.h>

_Noreturn void __stack_chk_fail(void) {
  fputs("*** stack smashing detected ***: terminated\n", stderr);
  abort();
}
