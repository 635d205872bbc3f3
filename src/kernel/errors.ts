/** What a kernel-call can answer instead of a result: Linux's numbers. guest/include/bd0.h has the same. */
export const Errno = {
  ENOENT: 2,
  ESRCH: 3,
  ENOEXEC: 8,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EFAULT: 14,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  EDEADLK: 35,
  ENOSYS: 38,
  ENODATA: 61,
  ETIMEDOUT: 110,
} as const;

export type Errno = (typeof Errno)[keyof typeof Errno];

const names = Object.fromEntries(Object.entries(Errno).map(([name, number]) => [number, name]));

/** `ENOMEM` for 12, and so on. */
export function errnoName(errno: number): string {
  return names[errno] ?? `error ${errno}`;
}

/** The result of a kernel-call that failed, as rax holds it. */
export function failure(errno: Errno): bigint {
  return BigInt(-errno);
}

/** The host asked the kernel for what it cannot do; nothing has changed. */
export class KernelError extends Error {
  constructor(
    readonly errno: Errno,
    message: string,
  ) {
    super(message);
    this.name = 'KernelError';
  }
}
