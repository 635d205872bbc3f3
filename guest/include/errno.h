/*
 * errno, a variable of each thread, and what it is set to: Linux's numbers, which are those of the kernel-calls. Functions
 * of the library set it where C or POSIX says so; the functions `bd0_...` do not, and answer the negative number.
 */
#ifndef BD0_ERRNO_H
#define BD0_ERRNO_H

#define ENOENT 2
#define ESRCH 3
#define ENOEXEC 8
#define EBADF 9
#define EAGAIN 11
#define ENOMEM 12
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define EINVAL 22
#define ENOSPC 28
#define EDOM 33
#define ERANGE 34
#define EDEADLK 35
#define ENOSYS 38
#define ENODATA 61
#define EILSEQ 84
#define ETIMEDOUT 110

#ifdef __cplusplus
extern "C" {
#endif

extern __thread int bd0_errno;
#define errno bd0_errno

#ifdef __cplusplus
}
#endif

#endif
