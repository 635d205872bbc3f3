/* errno, and the texts of errors. */
#include <bd0.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SAME(name) _Static_assert(name == BD0_##name, #name " is that of bd0.h")
SAME(ENOENT);
SAME(ESRCH);
SAME(ENOEXEC);
SAME(EBADF);
SAME(EAGAIN);
SAME(ENOMEM);
SAME(EFAULT);
SAME(EEXIST);
SAME(EINVAL);
SAME(ENOSPC);
SAME(ERANGE);
SAME(EDEADLK);
SAME(ENOSYS);
SAME(ENODATA);
SAME(ETIMEDOUT);

__thread int bd0_errno;

static const struct {
  int error;
  const char *text;
} texts[] = {
    {0, "Success"},
    {ENOENT, "No such file or directory"},
    {ESRCH, "No such process"},
    {ENOEXEC, "Exec format error"},
    {EBADF, "Bad file descriptor"},
    {EAGAIN, "Resource temporarily unavailable"},
    {ENOMEM, "Cannot allocate memory"},
    {EFAULT, "Bad address"},
    {EBUSY, "Device or resource busy"},
    {EEXIST, "File exists"},
    {EINVAL, "Invalid argument"},
    {ENOSPC, "No space left on device"},
    {EDOM, "Numerical argument out of domain"},
    {ERANGE, "Numerical result out of range"},
    {EDEADLK, "Resource deadlock avoided"},
    {ENOSYS, "Function not implemented"},
    {ENODATA, "No data available"},
    {EILSEQ, "Invalid or incomplete multibyte or wide character"},
    {ETIMEDOUT, "Connection timed out"},
};

char *strerror(int error) {
  static __thread char unknown[32];
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (texts[i].error == error) return (char *)texts[i].text;
  snprintf(unknown, sizeof unknown, "Unknown error %d", error);
  return unknown;
}

void perror(const char *text) {
  const char *error = strerror(errno);
  if (text == NULL || *text == 0) fprintf(stderr, "%s\n", error);
  else fprintf(stderr, "%s: %s\n", text, error);
}
