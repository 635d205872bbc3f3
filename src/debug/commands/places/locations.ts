import { fileName } from '../../reports/placed-image.js';
import type { StopPlace } from './breakpoints.js';
import { CommandError } from '../command-error.js';
import { addressOf } from '../command.js';
import type { DebugSession } from '../session.js';

/** A function or a line, which may have places in several processes: `main`, `shop::sell(int)`, `main.c:7`, `7`. */
const NAMED = /^([A-Za-z_.][\w.]*(?:::~?\w+)*(?:\(.*\)(?: const)?)?|(?:[^\s:]+:)?\d+)$/;

/** Whether a location is a function or a line, which may have places in several processes, and get others later. */
export function isName(text: string): boolean {
  return NAMED.test(text);
}

/** The places of a location, at least one: a function, a line, or an expression that may follow a `*`. Throws CommandError. */
export function placesOf(session: DebugSession, text: string): readonly StopPlace[] {
  if (!isName(text)) return [{ pid: undefined, address: addressOf(session, text.replace(/^\*/, '')) }];
  const places = session.codePlaces(text);
  if (places.length > 0) return places;
  throw new CommandError(missingText(text));
}

/** Says that nothing has a name. */
export function missingText(text: string): string {
  return /^(?:.*[^:]:)?\d+$/.test(text) ? `line ${text} has no code` : `there is no symbol '${text}'`;
}

/** A location that means the same elsewhere: a line with its file. */
export function fullLocation(session: DebugSession, text: string): string {
  return /^\d+$/.test(text) ? `${fileName(session.currentFile())}:${text}` : text;
}

/** The location that `pending` follows, and whether it does: `sell pending`. */
export function splitPending(text: string): { readonly location: string; readonly isPending: boolean } {
  const parts = /^(.+?)\s+pending$/.exec(text);
  return parts ? { location: parts[1]!, isPending: true } : { location: text, isPending: false };
}

/** `break`'s argument: a location and a condition. */
export function splitCondition(text: string): { readonly location: string; readonly condition: string | undefined } {
  const parts = /^(.*?)\s*\bif\b\s*(.+)$/.exec(text);
  return parts ? { location: parts[1]!, condition: parts[2] } : { location: text, condition: undefined };
}
