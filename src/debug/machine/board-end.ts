import type { BoardEvent } from '../../board.js';

/** The end of a board in words, and its exit code. */
export interface BoardEnd {
  readonly why: string;
  readonly exitCode: number;
}

/** An event after which a board is no longer going to run. */
export type FinalEvent = Extract<BoardEvent, { kind: 'exit' | 'reset' | 'off' | 'halted' }>;

/** What an event of a board that is no longer going to run means. */
export function boardEnd(event: FinalEvent): BoardEnd {
  switch (event.kind) {
    case 'exit':
      return { why: `the kernel ends the run with exit code ${event.code}`, exitCode: event.code };
    case 'reset':
      return { why: `the machine was reset by ${event.by}`, exitCode: 0 };
    case 'halted':
      return { why: 'the processor has halted with interrupts off', exitCode: 0 };
    case 'off':
      return { why: 'the machine was turned off', exitCode: 0 };
  }
}
