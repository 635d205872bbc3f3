import { hex } from '../../bits.js';
import { trapText } from '../reports/trap-text.js';
import type { StopReason } from '../target.js';
import { breakpointName } from './places/breakpoints.js';
import type { DebugSession } from './session.js';

/** Lines that say why the machine stands, and where. */
export function reasonText(session: DebugSession, reason: StopReason): string[] {
  const where = session.whereText();
  switch (reason.kind) {
    case 'breakpoint':
    case 'watchpoint': {
      const breakpoint = session.breakpoints.of(reason.stop);
      const name = breakpoint ? breakpointName(breakpoint) : reason.kind;
      if (reason.kind === 'breakpoint') return [`${name}, ${where}`];
      return [`${name}: ${reason.access} of ${hex(reason.address)} (${breakpoint?.text}), ${where}`];
    }
    case 'trapped':
      return [...trapText(reason.report, session.images.ofProcess), where];
    case 'ending':
      return [`${reason.why}, ${where}`];
    case 'exited':
      return [`the program has ended with exit code ${reason.exitCode}, tick ${session.target.ticks}`];
    case 'waiting':
      return [`deadlock: every thread is waiting for another, ${where}`];
    case 'history-begin':
      return [`the history begins here, ${where}`];
    case 'history-end':
      return [`the history ends here, ${where}`];
    default:
      return [where];
  }
}
