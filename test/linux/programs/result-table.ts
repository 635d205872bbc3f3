/** The table of programs in docs/linux-programs.md. */
import type { ProgramCase } from './program-case.js';

export interface Result {
  readonly programCase: ProgramCase;
  readonly kind: 'equal' | 'differs' | 'skipped';
  readonly text: string;
}

/** Characters of a command that are shown. */
const COMMAND_MAX = 110;
const RESULT_MAX = 200;

export function tableOf(results: Readonly<Record<string, readonly Result[]>>, when: Date): string {
  const date = when.toISOString().slice(0, 10);
  const parts = Object.entries(results).map(([name, list]) => `## ${heading(name, list)}\n\n${rows(list)}`);
  return `# Linux programs

Made by \`npm run linux-programs\` on ${date}; do not edit. Each command was run natively and by bd0, in a directory with the
same files (\`test/linux/programs/inputs.ts\`) and with the same input. It is equal if all that it wrote to standard output and
standard error, its exit code, and the files that it left, with their modes, are the same, byte for byte. Commands are cut
here; they are whole in the text files of \`test/linux/programs/\`.

${parts.join('\n')}`;
}

function heading(name: string, results: readonly Result[]): string {
  const count = (kind: Result['kind']): number => results.filter((each) => each.kind === kind).length;
  const title = name[0]!.toUpperCase() + name.slice(1);
  return `${title}: ${count('equal')} equal, ${count('differs')} differ, ${count('skipped')} not run`;
}

function rows(results: readonly Result[]): string {
  const lines = results.map(
    ({ programCase: { name, text: command }, text }) =>
      `| ${name} | ${code(command.trimEnd().replaceAll('\n', ' ⏎ '))} | ${cell(cut(text, RESULT_MAX))} |\n`,
  );
  return `| program | command | result |\n| --- | --- | --- |\n${lines.join('')}`;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** In a cell, as code that holds any characters. */
function code(text: string): string {
  const shown = cut(text, COMMAND_MAX);
  const fence = '`'.repeat(Math.max(0, ...(shown.match(/`+/g) ?? []).map((each) => each.length)) + 1);
  return `${fence} ${shown.replaceAll('|', '\\|')} ${fence}`;
}

function cell(text: string): string {
  return text.replace(/[\\`*_<>|[\]]/g, '\\$&');
}
