/* What the end of a program, and that of a thread, have to do. */
#ifndef BD0_EXIT_H
#define BD0_EXIT_H

/** Registers `call(argument)` for exit, to be called before those registered earlier; returns 0, or -1 without memory. */
int bd0_at_exit(void (*call)(void *argument), void *argument);

/* Both are NULL in a program that has nothing for them to do. */

/** Destroys the thread's thread_local objects of C++, when it ends and when its program does. */
__attribute__((weak, visibility("hidden"))) void bd0_end_objects(void);

/** Calls the destructors of the thread's values of <threads.h>, when it ends: exit leaves them alone. */
__attribute__((weak, visibility("hidden"))) void bd0_end_values(void);

#endif
