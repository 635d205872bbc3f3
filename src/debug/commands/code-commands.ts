import { CommandError } from './command-error.js';
import { addressAndLength, expectNone, numberOf, type Command } from './command.js';
import type { Frame } from './frames.js';
import { placesOf } from './places/locations.js';
import { disassemble, numberedLine, placeText, type CodeLine } from './place-text.js';
import type { DebugSession } from './session.js';

/** Lines that `list` shows. */
const LISTED_LINES = 10;
const LINES_BEFORE = 5;
/** Instructions of a function that `disassemble` shows. */
const MOST_INSTRUCTIONS = 1000;
const USUAL_INSTRUCTIONS = 16;

/** Commands that show source, code and frames. */
export const CODE_COMMANDS: readonly Command[] = [
  {
    usage: 'list [LOCATION]',
    aliases: ['l'],
    summary: 'ten lines of source around a location; without one, the next ten',
    run: list,
  },
  {
    usage: 'disassemble [ADDRESS[,COUNT]]',
    aliases: ['dis'],
    summary: 'the function at an address, or COUNT instructions from there on',
    run: (session, rest) => {
      const lines = codeLines(session, rest);
      if (lines.length === 0) throw new CommandError('there is no code');
      return lines.map((code) => markedText(session, code));
    },
  },
  {
    usage: 'bt',
    aliases: ['where', 'backtrace'],
    summary: 'frames of the selected thread, by frame pointers, else by a scan of the stack',
    run: (session, rest) => {
      expectNone('bt', rest);
      return session.frames(session.thread.tid).map((frame, number) => frameLine(session, frame, number));
    },
  },
  {
    usage: 'frame [NUMBER]',
    aliases: ['f'],
    summary: 'select a frame of bt, for list and disassemble',
    run: (session, rest) => {
      const number = rest === '' ? session.frameNumber : numberOf(session, rest, 'frame');
      return selectFrame(session, number);
    },
  },
  { usage: 'up', summary: 'select the caller', run: (session) => selectFrame(session, session.frameNumber + 1) },
  { usage: 'down', summary: 'select the callee', run: (session) => selectFrame(session, session.frameNumber - 1) },
];

function list(session: DebugSession, rest: string): string[] {
  const place = rest === '' ? session.listPlace : undefined;
  const address = rest === '' ? session.frame.rip : placesOf(session, rest)[0]!.address;
  const line = place ? undefined : session.images.line(address);
  const path = place?.path ?? line?.path;
  if (path === undefined) throw new CommandError('there is no source line here: disassemble shows the code');
  const source = session.options.readSource?.(path);
  if (!source) throw new CommandError(`cannot read ${path}`);
  const first = place?.line ?? Math.max(1, line!.line - LINES_BEFORE);
  if (first > source.length) throw new CommandError(`${path} ends at line ${source.length}`);
  session.listPlace = { path, line: first + LISTED_LINES };
  return source.slice(first - 1, first - 1 + LISTED_LINES).map((text, i) => numberedLine(first + i, text));
}

function codeLines(session: DebugSession, rest: string): CodeLine[] {
  const { images } = session;
  const { address, length: count } =
    rest === '' ? { address: session.frame.rip, length: undefined } : addressAndLength(session, rest, 'count');
  if (count !== undefined) return disassemble(session, address, Math.min(count, MOST_INSTRUCTIONS));
  const symbol = images.symbols(address);
  if (!symbol) return disassemble(session, address, USUAL_INSTRUCTIONS);
  const start = address - BigInt(symbol.offset);
  const lines = disassemble(session, start, MOST_INSTRUCTIONS);
  const end = lines.findIndex((line) => images.symbols(line.address)?.name !== symbol.name);
  return end < 0 ? lines : lines.slice(0, end);
}

function markedText(session: DebugSession, { address, text }: CodeLine): string {
  return `${address === session.frame.rip ? '=>' : '  '} ${text}`;
}

function frameLine({ images }: DebugSession, { rip, source }: Frame, number: number): string {
  // A return address belongs to the call before it.
  const text = number === 0 ? placeText(images, rip) : placeText(images, rip, 1);
  return `#${number}  ${text}${source === 'stack scan' ? ' (a guess, from a scan of the stack)' : ''}`;
}

function selectFrame(session: DebugSession, number: number): string[] {
  const frames = session.frames(session.thread.tid);
  const frame = frames[number];
  if (!frame) throw new CommandError(`there is no frame ${number}: bt shows 0 to ${frames.length - 1}`);
  session.frameNumber = number;
  session.listPlace = undefined;
  return [frameLine(session, frame, number)];
}
