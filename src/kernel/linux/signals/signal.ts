/** Signals of Linux for x86-64: arch/x86/include/uapi/asm/signal.h, include/linux/signal.h. */
export const Signal = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

/** The last signal, and the first of those that queue. */
export const SIGNAL_MAX = 64;
export const REAL_TIME_MIN = 32;

/** A set of signals: bit n - 1 stands for signal n. */
export type SignalSet = bigint;
/** Bytes of a sigset_t of the kernel, as calls are given them. */
export const SET_BYTES = 8n;

export function setOf(...signals: readonly number[]): SignalSet {
  return signals.reduce((set, signal) => set | (1n << BigInt(signal - 1)), 0n);
}

export function isIn(set: SignalSet, signal: number): boolean {
  return ((set >> BigInt(signal - 1)) & 1n) !== 0n;
}

/** The lowest signal of a set that is not empty. */
export function lowestOf(set: SignalSet): number {
  let signal = 1;
  while (!isIn(set, signal)) signal++;
  return signal;
}

export function isSignal(number: number): boolean {
  return number >= 1 && number <= SIGNAL_MAX;
}

const { SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGCHLD, SIGURG, SIGWINCH } = Signal;

/** They are neither blocked, caught nor ignored. */
export const UNBLOCKABLE = setOf(SIGKILL, SIGSTOP);
export const STOPPING = setOf(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU);
/** They come first: what a thread did itself. */
export const SYNCHRONOUS = setOf(
  ...[Signal.SIGSEGV, Signal.SIGBUS, Signal.SIGILL, Signal.SIGTRAP, Signal.SIGFPE, Signal.SIGSYS],
);
/** Those whose default action is to write a core dump. */
export const DUMPING = SYNCHRONOUS | setOf(Signal.SIGQUIT, Signal.SIGABRT, Signal.SIGXCPU, Signal.SIGXFSZ);
const IGNORED_BY_DEFAULT = setOf(SIGCONT, SIGCHLD, SIGURG, SIGWINCH);

/** What happens for a signal without a handler. */
export type DefaultAction = 'terminate' | 'stop' | 'ignore';

/** Core dumps are not written: what would make one terminates. SIGCONT continues a process when it is sent. */
export function defaultActionOf(signal: number): DefaultAction {
  if (isIn(IGNORED_BY_DEFAULT, signal)) return 'ignore';
  return isIn(STOPPING, signal) ? 'stop' : 'terminate';
}
