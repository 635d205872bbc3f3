import { fullAddress } from '../reports/address-text.js';
import type { StopKind } from '../target.js';
import { breakpointName, type Breakpoint, type StopPlace } from './places/breakpoints.js';
import { CommandError } from './command-error.js';
import { addressAndLength, type Command } from './command.js';
import { fullLocation, isName, missingText, placesOf, splitCondition, splitPending } from './places/locations.js';
import { placeText } from './place-text.js';
import type { DebugSession } from './session.js';

const WORD_BYTES = 8;

/** Commands about breakpoints and watchpoints. */
export const STOP_COMMANDS: readonly Command[] = [
  {
    usage: 'break [LOCATION] [pending] [if CONDITION]',
    aliases: ['b', 'br'],
    summary:
      'stop before the instruction at a function, FILE:LINE, LINE or *ADDRESS; here without one. pending: in what is loaded later',
    run: (session, rest) => addBreakpoint(session, rest, false),
  },
  {
    usage: 'tbreak [LOCATION] [pending] [if CONDITION]',
    aliases: ['tb'],
    summary: 'as break, once',
    run: (session, rest) => addBreakpoint(session, rest, true),
  },
  watchCommand('watch', 'write', 'stop after a write to a variable, or to LENGTH bytes (8) at an address'),
  watchCommand('rwatch', 'read', 'as watch, for reads'),
  watchCommand('awatch', 'access', 'as watch, for reads and writes'),
  {
    usage: 'delete [NUMBER...]',
    aliases: ['d'],
    summary: 'remove breakpoints and watchpoints; all without a number',
    run: ({ breakpoints }, rest) => {
      const given = rest.split(/[\s,]+/).filter((word) => word !== '');
      for (const word of given) if (!/^\d+$/.test(word)) throw new CommandError(`'${word}' is not a number`);
      for (const number of given.length > 0 ? given.map(Number) : breakpoints.all.map((one) => one.number))
        breakpoints.remove(number);
    },
  },
];

/** `info breakpoints`. */
export function breakpointLines(session: DebugSession): string[] {
  const { all } = session.breakpoints;
  if (all.length === 0) return ['there are no breakpoints and watchpoints'];
  return all.map((breakpoint) => {
    const { number, text, condition, hits } = breakpoint;
    const name = breakpointName(breakpoint).replace(/ \d+$/, '');
    const what = condition === undefined ? text : `${text} if ${condition}`;
    const count = hits === 0 ? '' : hits === 1 ? ', hit once' : `, hit ${hits} times`;
    return `${number}  ${name} ${what} ${isPending(breakpoint) ? 'is pending' : `at ${placesText(session, breakpoint)}`}${count}`;
  });
}

function addBreakpoint(session: DebugSession, rest: string, isTemporary: boolean): string[] {
  const { location: before, condition } = splitCondition(rest);
  const { location, isPending } = splitPending(before);
  session.checkCondition(condition);
  const here = location === '' ? fullAddress(session.frame.rip) : undefined;
  const found = here === undefined ? placesOrNone(session, location, isPending) : placesOf(session, here);
  const text = here === undefined ? fullLocation(session, location) : `*${here}`;
  const request = { kind: 'code', text, isTemporary, condition, lengthBytes: 1 } as const;
  const breakpoint = session.breakpoints.add(request, checked(found));
  session.waitForPlaces();
  return [added(session, breakpoint)];
}

/** None for a name that a program or a library may have that is loaded later. Throws CommandError for another one that is not known. */
function placesOrNone(session: DebugSession, location: string, isPending: boolean): readonly StopPlace[] {
  const mayCome = isName(location) && !/^\d+$/.test(location);
  if (!mayCome || session.codePlaces(location).length > 0) return placesOf(session, location);
  if (isPending || session.late.canLoad || session.images.slotsOf(location).length > 0) return [];
  const hint = /:\d+$/.test(location) ? '' : ` (break ${location} pending waits for a program that has it)`;
  throw new CommandError(missingText(location) + hint);
}

function isPending({ places }: Breakpoint): boolean {
  return places.length === 0;
}

function watchCommand(name: string, kind: StopKind, summary: string): Command {
  return {
    usage: `${name} ADDRESS[,LENGTH] [if CONDITION]`,
    summary,
    run: (session, rest) => {
      const { location, condition } = splitCondition(rest);
      if (location === '') throw new CommandError(`${name} needs a variable or an address`);
      session.checkCondition(condition);
      const { start: address, lengthBytes } = watched(session, location);
      const request = { kind, text: location, isTemporary: false, condition, lengthBytes };
      const place = { pid: session.pid, address };
      return [added(session, session.breakpoints.add(request, checked([place], lengthBytes)))];
    },
  };
}

/** A variable with its size, or an address with a length. */
function watched(session: DebugSession, text: string): { readonly start: bigint; readonly lengthBytes: number } {
  const [symbol] = session.images.find(text, session.pid);
  if (symbol && symbol.lengthBytes > 0) return symbol;
  const { address, length = WORD_BYTES } = addressAndLength(session, text);
  return { start: address, lengthBytes: length };
}

/** Places that can have a stop: canonical addresses. Throws CommandError. */
function checked<Place extends { readonly address: bigint }>(
  found: readonly Place[],
  lengthBytes = 1,
): readonly Place[] {
  for (const { address } of found) {
    const last = address + BigInt(lengthBytes - 1);
    const isCanonical = [address, last].every((one) => BigInt.asUintN(64, BigInt.asIntN(48, one)) === one);
    if (!isCanonical) throw new CommandError(`${fullAddress(address)} is not a canonical address`);
  }
  return found;
}

function added(session: DebugSession, breakpoint: Breakpoint): string {
  const { kind, text } = breakpoint;
  if (isPending(breakpoint)) return `${breakpointName(breakpoint)} is pending: there is no ${text} yet`;
  return `${breakpointName(breakpoint)} at ${placesText(session, breakpoint)}${kind === 'code' ? '' : ` (${text})`}`;
}

/** Where a breakpoint is. */
export function placesText({ images }: DebugSession, { kind, places, lengthBytes }: Breakpoint): string {
  if (kind !== 'code') return `${fullAddress(places[0]!.address)}, ${lengthBytes} byte${lengthBytes === 1 ? '' : 's'}`;
  const texts = places.map(({ address, pid }) => placeText(images.seenBy(pid), address));
  // Processes that were forked have their places at the same address.
  return [...new Set(texts)].join(' and ');
}
