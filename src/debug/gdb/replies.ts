/** Replies to packets, as byte strings. */

export const OK = 'OK';
/** For packets that are not known. */
export const UNSUPPORTED = '';

/** Errors, with the numbers that Linux has for them: a debugger only shows them. */
export const ERROR = {
  /** Malformed. */
  invalid: 'E16',
  /** There is no such thread, or no such object. */
  notFound: 'E03',
  /** Memory is not mapped. */
  fault: 'E0e',
  /** The machine is running. */
  busy: 'E10',
  tooLong: 'E1b',
} as const;
