import { pidOfText } from '../../kernel/tasks/process-table.js';
import { processLines, rangeLine, threadDoing } from '../reports/machine-text.js';
import { CommandError } from './command-error.js';
import { expectNone, numberOf, uniqueName, type Command } from './command.js';
import { registerLines } from './data-commands.js';
import { placeText } from './place-text.js';
import type { DebugSession } from './session.js';
import { breakpointLines } from './stop-commands.js';

/** What `info` shows, by its first word. */
const SUBJECTS: Readonly<Record<string, (session: DebugSession, rest: string) => readonly string[]>> = {
  breakpoints: breakpointLines,
  threads: (session) => threadLines(session),
  registers: registerLines,
  map: mapLines,
  processes: ({ target }) => {
    const lines = target.processes.flatMap((process) => processLines(process, target));
    return lines.length > 0 ? lines : ['no process is left'];
  },
};

/** The words that may follow `info`. */
export const INFO_SUBJECTS: readonly string[] = Object.keys(SUBJECTS);

/** Commands about the whole machine. */
export const INFO_COMMANDS: readonly Command[] = [
  {
    usage: 'info SUBJECT',
    aliases: ['i'],
    summary: `show ${INFO_SUBJECTS.join(', ')}`,
    run: (session, rest) => {
      const [, word, more] = /^(\S*)\s*(.*)$/.exec(rest)!;
      if (word === '') throw new CommandError(`info needs a subject: ${INFO_SUBJECTS.join(', ')}`);
      return SUBJECTS[uniqueName(word!, INFO_SUBJECTS, 'subject')]!(session, more!);
    },
  },
  {
    usage: 'thread [NUMBER]',
    aliases: ['t'],
    summary: 'select a thread of info threads',
    run: (session, rest) => {
      if (rest !== '') {
        const found = session.target.findThread(numberOf(session, rest, 'thread'));
        if (!found) throw new CommandError(`there is no thread ${rest}: info threads lists them`);
        session.thread = found;
      }
      return [session.whereText(), ...session.currentLine()];
    },
  },
  {
    usage: 'input TEXT',
    summary: 'type a line at the console of the program; \\n, \\t and \\xHH stand for characters',
    run: ({ options }, rest) => {
      if (!options.typeInput) throw new CommandError('this debugger has no console to type at');
      options.typeInput(`${unescaped(rest)}\n`);
    },
  },
  {
    usage: 'quit',
    aliases: ['q', 'exit'],
    summary: 'end the program and the debugger',
    run: (session, rest) => {
      expectNone('quit', rest);
      session.isOver = true;
    },
  },
];

/** `info threads`. */
export function threadLines(session: DebugSession): string[] {
  const { target, allImages } = session;
  if (target.threads.length === 0) return ['no thread is left'];
  const selected = session.thread.tid;
  return target.threads.map((thread) => {
    const { tid, pid, name } = thread;
    const place = placeText(allImages.seenBy(pid), target.readRegisters(tid).rip);
    return `${tid === selected ? '*' : ' '} ${tid}  ${name}: ${threadDoing(thread)}, ${place}`;
  });
}

function mapLines(session: DebugSession, rest: string): string[] {
  const { target } = session;
  const pid = rest === '' ? undefined : (pidOfText(rest) ?? numberOf(session, rest, 'process'));
  if (pid !== undefined && !target.processes.some((process) => process.pid === pid))
    throw new CommandError(`there is no process ${rest}: info processes lists them`);
  return target.memoryMap
    .filter((range) => pid === undefined || range.pid === pid)
    .map((range) => rangeLine(range, target));
}

function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|.)/gi, (whole, what: string) => {
    if (what === 'n') return '\n';
    if (what === 't') return '\t';
    return /^x../.test(what) ? String.fromCharCode(Number.parseInt(what.slice(1), 16)) : what === '\\' ? what : whole;
  });
}
