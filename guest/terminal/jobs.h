/* The programs that the terminal started in the background. */
#ifndef TERMINAL_JOBS_H
#define TERMINAL_JOBS_H

#include <stdint.h>

/** Adds a process that the terminal does not wait for, and prints its number as a job. */
void add_job(uint64_t pid, const char *name);
/** The process of a job; 0 if there is no such job. */
uint64_t job_pid(uint64_t number);
/** Waits in the foreground until a process ends, and prints an exit code that is not 0. Returns the code, or the error. */
int64_t wait_for(uint64_t pid, const char *name);
/** Prints which jobs have ended since the last call. */
void report_ended_jobs(void);

#endif
