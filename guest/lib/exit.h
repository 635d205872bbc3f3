/* What the end of a program, and that of a thread, have to do. */
#ifndef BD0_EXIT_H
#define BD0_EXIT_H

/** Has `call(argument)` called by exit, before those that were given earlier; answers 0, or -1 where there is no memory. */
int bd0_at_exit(void (*call)(void *argument), void *argument);

/** Destroys what the thread has in thread-local storage; NULL in a program that has nothing there to be destroyed. */
__attribute__((weak, visibility("hidden"))) void bd0_end_thread_locals(void);

#endif
