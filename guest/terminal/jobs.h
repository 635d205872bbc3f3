/* The programs that the terminal has started. */
#ifndef TERMINAL_JOBS_H
#define TERMINAL_JOBS_H

#include <stdint.h>

/** Goes on without waiting for a process; tells its number as a job. */
void add_job(uint64_t pid, const char *name);
/** Waits for the end of a process, which is in the foreground meanwhile, and tells an exit code that is not 0. Answers the
    code, or the error. */
int64_t wait_for(uint64_t pid, const char *name);
/** Tells of the jobs that have ended since the last time. */
void tell_ended_jobs(void);

#endif
