import { LinuxError, LinuxErrno } from '../errno.js';

/* include/uapi/linux/fcntl.h */
export const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
export const F_SEAL_WRITE = 8;
const F_SEAL_FUTURE_WRITE = 16;
export const ALL_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

/** Throws EPERM where the seals of a file do not let it have another size. */
export function requireResizable(seals: number | undefined, before: number, after: number): void {
  if (seals === undefined) return;
  const isSealed = (after < before && seals & F_SEAL_SHRINK) || (after > before && seals & F_SEAL_GROW);
  if (isSealed) throw new LinuxError(LinuxErrno.EPERM);
}

/** Whether the seals of a file do not let it be written. */
export function isSealed(seals: number | undefined): boolean {
  return seals !== undefined && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0;
}

/** Throws EPERM where they do not. */
export function requireWritable(seals: number | undefined): void {
  if (isSealed(seals)) throw new LinuxError(LinuxErrno.EPERM);
}
