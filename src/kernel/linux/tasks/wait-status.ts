/** How a process has ended, as wait4 tells it. include/uapi/linux/wait.h, wait(2) */
export type WaitStatus =
  { readonly kind: 'exited'; readonly code: number } | { readonly kind: 'killed'; readonly signal: number };

const KILLED_EXIT_CODE = 128;

/** The word that wait4 stores. */
export function statusWord(status: WaitStatus): number {
  return status.kind === 'exited' ? status.code << 8 : status.signal;
}

/** The status of a process that a trap has ended: its code is 128 + the number of the signal. */
export function statusOfTrap(exitCode: number): WaitStatus {
  return { kind: 'killed', signal: exitCode - KILLED_EXIT_CODE };
}
