import { CODE_COMMANDS } from './code-commands.js';
import { nameOf, uniqueName, type Command } from './command.js';
import { DATA_COMMANDS } from './data-commands.js';
import { INFO_COMMANDS, INFO_SUBJECTS } from './info-commands.js';
import { REVERSE_COMMANDS, RUN_COMMANDS } from './run-commands.js';
import type { DebugSession } from './session.js';
import { STOP_COMMANDS } from './stop-commands.js';
import { TIME_COMMANDS } from './time-commands.js';

const HELP: Command = {
  usage: 'help [COMMAND]',
  aliases: ['h', '?'],
  summary: 'this list, or one command',
  run: (_, rest) => (rest === '' ? helpLines() : commandLines(commandNamed(rest))),
};

const GROUPS: Readonly<Record<string, readonly Command[]>> = {
  Stops: STOP_COMMANDS,
  Running: RUN_COMMANDS,
  'Going back': [...REVERSE_COMMANDS, ...TIME_COMMANDS],
  Code: CODE_COMMANDS,
  Data: DATA_COMMANDS,
  Others: [...INFO_COMMANDS, HELP],
};

const COMMANDS: readonly Command[] = Object.values(GROUPS).flat();
const NAMES: readonly string[] = COMMANDS.map(nameOf);

/** Columns of the list of commands. */
const USAGE_COLUMNS = 34;

/** Commands whose arguments are not names of symbols. */
const SYMBOL_FREE = ['delete', 'goto', 'input', 'quit', 'history', 'thread', 'frame'];

/** Splits a command line. Throws CommandError for an unknown or ambiguous command. */
export function findCommand(line: string): { readonly command: Command; readonly rest: string } {
  const [, word, rest] = /^([^\s/]+)\s*(.*)$/s.exec(line) ?? ['', line, ''];
  return { command: commandNamed(word!), rest: rest!.trim() };
}

/** The words that may stand in the place of the last one of an unfinished line. */
export function completions(session: DebugSession, line: string): string[] {
  const words = line.trimStart().split(/\s+/);
  const last = words.at(-1)!;
  if (words.length === 1) return NAMES.filter((name) => name.startsWith(last)).sort();
  const command = COMMANDS.find((one) => nameOf(one) === words[0] || one.aliases?.includes(words[0]!));
  const name = command ? nameOf(command) : (NAMES.find((one) => one.startsWith(words[0]!)) ?? '');
  if (name === 'info') return INFO_SUBJECTS.filter((subject) => subject.startsWith(last));
  if (name === 'help') return NAMES.filter((one) => one.startsWith(last)).sort();
  if (SYMBOL_FREE.includes(name)) return [];
  // A symbol may stand behind an operator.
  const [, before, start] = /^(.*?)([A-Za-z_][\w.]*)?$/.exec(last)!;
  return session.images.namesFrom(start ?? '').map((symbol) => before + symbol);
}

function commandNamed(word: string): Command {
  const command = COMMANDS.find(({ aliases }) => aliases?.includes(word));
  if (command) return command;
  const name = uniqueName(word, NAMES, 'command');
  return COMMANDS.find((one) => nameOf(one) === name)!;
}

function helpLines(): string[] {
  return Object.entries(GROUPS).flatMap(([group, commands]) => [
    `${group}:`,
    ...commands.map(({ usage, summary }) => {
      const isLong = usage.length >= USAGE_COLUMNS - 1;
      return `  ${isLong ? `${usage}  ` : usage.padEnd(USAGE_COLUMNS)}${summary}`;
    }),
  ]);
}

function commandLines({ usage, aliases, summary }: Command): string[] {
  return [usage, `  ${summary}`, ...(aliases ? [`  also: ${aliases.join(', ')}`] : [])];
}
