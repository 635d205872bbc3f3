/** `bd0 run --debug-mode`: what is told of writes outside of a program's memory, and what becomes of them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { compileGuest } from '../../src/host/toolchain/guest-compiler.js';
import { compileTo } from '../support/guest-programs.js';
import { bd0, type Ran } from './bd0.js';
import { PseudoTerminal } from './pseudo-terminal.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-debug-mode-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
t.setTimeout(0);

await compileTo(join(directory, 'trespass'), join(root, 'test/cli/trespass.c'), { compilerOptions: ['-g'] });

const words = (options: readonly string[], count: number): string[] => [
  ...['run', '--root', directory, ...options, 'trespass', String(count)],
];
const run = (options: readonly string[], count = 1): Promise<Ran> => bd0(words(options, count));

/** The block that tells of a write. */
const BLOCK = new RegExp(
  [
    String.raw`bd0: process \d+ \(trespass\), thread \d+: spurious write`,
    String.raw`  rip 0x[0-9a-f]{16} in trespass(?:\+0x[0-9a-f]+)?, trespass\.c:9`,
    String.raw`  mov .*`,
    String.raw`  write of 0x[0-9a-f]{16}: 00 00 00 00 would become 44 33 22 11`,
    String.raw`  .*process \d+ \(trespass\).*`,
  ].join('\n'),
);

t.test('without --debug-mode a program may write everywhere', async (t) => {
  t.match(await run([]), { code: 0, stdout: 'before\nafter: 11223344\n', stderr: '' });
});

t.test('a write outside kills the process, and is reported with its source line', async (t) => {
  for (const option of ['-d', '--debug-mode', '--debug-mode=kill', '-dkill']) {
    const { code, stdout, stderr } = await run([option]);
    t.equal(code, 139, option);
    t.equal(stdout, 'before\n');
    t.match(stderr, new RegExp(`^${BLOCK.source}\n$`));
  }
});

t.test('report: the first write of an instruction is told, the others are counted, and all are made', async (t) => {
  const { code, stdout, stderr } = await run(['--debug-mode=report'], 5);
  t.equal(code, 0);
  t.equal(stdout, `before\nafter:${' 11223344'.repeat(5)}\n`);
  t.match(stderr, new RegExp(`^${BLOCK.source}\nbd0: process \\d+ \\(trespass\\), rip 0x[0-9a-f]+: 4 more [^\n]*\n$`));
});

t.test('--json tells it in the result', async (t) => {
  const { stderr } = await run(['-d', '--json']);
  const { outcome, exitCode, report } = JSON.parse(stderr) as Record<string, Record<string, unknown>>;
  t.match({ outcome, exitCode, cause: report!.cause }, { outcome: 'trapped', exitCode: 139, cause: 'spurious write' });
  t.match(report!.spuriousWrite, { stores: [{ before: '00000000', after: '44332211' }] });
});

t.test('a policy that there is not, and one that needs a terminal', async (t) => {
  t.match(await run(['--debug-mode=never']), {
    code: 125,
    stderr: /^bd0: --debug-mode cannot be 'never': choose kill, report or ask\n$/,
  });
  t.match(await run(['--debug-mode=ask']), { code: 125, stderr: /^bd0: --debug-mode=ask needs a terminal.*\n$/ });
});

t.test('a person at a terminal is asked each time', async (t) => {
  const asked = async (answers: readonly string[], count: number): Promise<string> => {
    const terminal = PseudoTerminal.bd0(...words(['--debug-mode=ask'], count));
    for (const [i, answer] of answers.entries()) {
      await terminal.sees(new RegExp(`(?:skip it, allow it[^]*){${i + 1}}\\] $`));
      terminal.type(answer);
    }
    const { end } = await terminal.end();
    return `${terminal.screen.text}\n${end}`;
  };
  t.match(await asked(['s', 'a', 's'], 3), /after: 0 11223344 0\n[^]*exit 0$/);
  t.match(await asked(['a', 'k'], 3), /skip it[^]*skip it(?![^]*after)[^]*exit 139$/);
  t.match(await asked(['a', 'S'], 4), /after: 11223344 0 0 0\n[^]*exit 0$/);
  t.match(await asked(['x', 'A'], 4), /after:(?: 11223344){4}\n[^]*exit 0$/);
  t.match(await asked(['\x03'], 1), /exit 139$/);
});

t.test('whoever is asked can be told to end, and the terminal is as it was', async (t) => {
  const ways: [how: string, finish: (terminal: PseudoTerminal) => unknown, end: string][] = [
    ['SIGTERM', (terminal) => terminal.ask('signal 15'), 'exit 143'],
    ['SIGINT', (terminal) => terminal.ask('signal 2'), 'exit 130'],
    ['SIGHUP', (terminal) => terminal.ask('signal 1'), 'exit 129'],
    ['Ctrl-A x', (terminal) => terminal.type('\x01x'), 'exit 0'],
  ];
  for (const [how, finish, end] of ways) {
    const terminal = PseudoTerminal.bd0(...words(['--debug-mode=ask'], 1));
    await terminal.sees(/skip it, allow it[^]*\] $/);
    t.same(await terminal.ask('modes'), { isCanonical: false, echoes: false }, 'it is raw meanwhile');
    await finish(terminal);
    t.equal((await terminal.end()).end, end, how);
    t.ok(terminal.isAsBefore, `${how}: all settings`);
    const question = /^bd0: skip it.*$/m.exec(terminal.screen.text)![0];
    t.ok(question.length < 80, 'the question and an answer fit into a line of 80 columns');
  }
});

t.test('the example in docs/debug-mode.md is what it says', async (t) => {
  const page = readFileSync(join(root, 'docs/debug-mode.md'), 'utf8');
  const names = mkdtempSync(join(directory, 'names-'));
  for (const [, name, source] of page.matchAll(/^```c (\w+)\.c\n([^]*?)^```$/gm)) {
    const file = join(directory, `${name}.c`);
    writeFileSync(file, source!);
    await compileGuest({ sources: [file], output: join(names, name!), compilerOptions: ['-g'] });
  }
  const sessions = [...page.matchAll(/^```console\n\$ bd0 (.*)\n([^]*?)^```$/gm)];
  t.equal(sessions.length, 2);
  for (const [, command, shown] of sessions) {
    const { code, stdout, stderr } = await bd0(command!.replace('names', names).split(' '));
    t.equal(code, 0);
    t.equal(masked(`${stdout}${stderr}`), masked(shown!));
  }
});

/** Without what depends on how the compiler lays things out. */
function masked(text: string): string {
  return text.replace(/0x[0-9a-f]+|(?<=at )[0-9a-f]+|(?<=tick )\d+/g, 'N').replace(/^  mov .*$/gm, '  mov');
}
