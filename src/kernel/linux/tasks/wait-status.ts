/** How a process has ended, as wait4 tells it. include/uapi/linux/wait.h, wait(2) */
export type WaitStatus =
  { readonly kind: 'exited'; readonly code: number } | { readonly kind: 'killed'; readonly signal: number };

/** What has become of a process that lives. */
export type JobChange = { readonly kind: 'stopped'; readonly signal: number } | { readonly kind: 'continued' };

/** It has stopped for its tracer: the signal, with the event in the bits above it. */
export interface TraceChange {
  readonly kind: 'trapped';
  readonly code: number;
}

/** Low bits of the status of a process that was stopped, and the status of one that goes on. */
const STOPPED = 0x7f;
const CONTINUED = 0xffff;
const SIGCONT = 18;

/** Codes of SIGCHLD. include/uapi/asm-generic/siginfo.h */
const CHILD_CODES = { exited: 1, killed: 2, trapped: 4, stopped: 5, continued: 6 } as const;

const KILLED_EXIT_CODE = 128;

/** The word that wait4 stores. */
export function statusWord(status: WaitStatus | JobChange | TraceChange): number {
  if (status.kind === 'trapped') return (status.code << 8) | STOPPED;
  if (status.kind === 'continued') return CONTINUED;
  if (status.kind === 'stopped') return (status.signal << 8) | STOPPED;
  return status.kind === 'exited' ? status.code << 8 : status.signal;
}

/** si_code and si_status of SIGCHLD. */
export function childInfo(status: WaitStatus | JobChange | TraceChange): readonly [code: number, status: number] {
  const code = CHILD_CODES[status.kind];
  if (status.kind === 'trapped') return [code, status.code];
  if (status.kind === 'continued') return [code, SIGCONT];
  return [code, status.kind === 'exited' ? status.code : status.signal];
}

/** The status of a process that a trap has ended: its code is 128 + the number of the signal. */
export function statusOfTrap(exitCode: number): WaitStatus {
  return { kind: 'killed', signal: exitCode - KILLED_EXIT_CODE };
}
