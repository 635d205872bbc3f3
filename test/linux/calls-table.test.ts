/** docs/linux.md has the table of system calls that the code says there are. With `BD0_WRITE_TABLES=1` it is written anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { LINUX_CALLS } from '../../src/kernel/linux/calls/index.js';

const page = fileURLToPath(new URL('../../../docs/linux.md', import.meta.url));
const [START, END] = ['<!-- calls -->\n', '<!-- end of calls -->\n'];

function table(): string {
  const rows = LINUX_CALLS.map(({ number, name, state, differs }) => [String(number), `\`${name}\``, state, differs]);
  const all = [['number', 'call', 'state', 'what differs'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |\n`;
  const ruler = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |\n`;
  return `\n${line(all[0]!)}${ruler}${rows.map(line).join('')}\n`;
}

t.test('the page of Linux has the table of calls that the code has', (t) => {
  const text = readFileSync(page, 'utf8');
  const [before, after] = [text.indexOf(START) + START.length, text.indexOf(END)];
  if (process.env.BD0_WRITE_TABLES) writeFileSync(page, text.slice(0, before) + table() + text.slice(after));
  else t.equal(text.slice(before, after), table(), 'BD0_WRITE_TABLES=1 writes it anew');
  t.end();
});

t.test('numbers and names of calls are those of Linux, each once', (t) => {
  t.equal(new Set(LINUX_CALLS.map(({ number }) => number)).size, LINUX_CALLS.length);
  t.equal(new Set(LINUX_CALLS.map(({ name }) => name)).size, LINUX_CALLS.length);
  const header = readFileSync('/usr/include/x86_64-linux-gnu/asm/unistd_64.h', 'utf8');
  const numbers = new Map(
    [...header.matchAll(/#define __NR_(\w+) (\d+)/g)].map(([, name, number]) => [name!, number!]),
  );
  for (const { number, name } of LINUX_CALLS) t.equal(numbers.get(name), String(number), name);
  for (const { name, state, differs } of LINUX_CALLS)
    t.ok(state === 'whole' || differs.length > 0, `${name}: what is not whole says what differs`);
  t.end();
});
