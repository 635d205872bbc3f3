/** Programs of Linux at a terminal: job control of bash, and programs that fill the screen. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bd0Command } from '../cli/bd0.js';
import { PseudoTerminal } from '../cli/pseudo-terminal.js';
import { Screen } from '../cli/screen.js';

t.setTimeout(0);

const directory = mkdtempSync(join(tmpdir(), 'bd0-linux-terminal-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

const PROMPT = 'prompt$ ';
const CTRL_C = '\x03';
const CTRL_D = '\x04';
const CTRL_Z = '\x1a';

t.test('bash stops, lists, continues and interrupts jobs', async (t) => {
  const terminal = PseudoTerminal.bd0('run', '--env', `PS1=${PROMPT}`, '/bin/bash', '--norc', '--noediting');
  const enter = async (line: string, shown: RegExp): Promise<void> => {
    terminal.type(`${line}\r`);
    await terminal.sees(shown);
  };
  await terminal.sees(PROMPT);
  await enter('echo hello $((6 * 7))', /\nhello 42\nprompt\$ $/);
  terminal.type('sleep 1000\r');
  await terminal.sees(/sleep 1000\n$/);
  terminal.type(CTRL_Z);
  await terminal.sees(/\[1\]\+ {2}Stopped +sleep 1000\nprompt\$ $/);
  await enter('jobs', /jobs\n\[1\]\+ {2}Stopped +sleep 1000\nprompt\$ $/);
  terminal.type('fg\r');
  await terminal.sees(/fg\nsleep 1000\n$/);
  terminal.type(CTRL_C);
  await terminal.sees(/\^C\nprompt\$ $/);
  await enter('echo $?', /\n130\nprompt\$ $/);
  await enter('sleep 1000 & kill %1; wait %1; echo $?', /\n143\n(?:.*\n)*prompt\$ $/);
  terminal.type(CTRL_D);
  const { end, modes } = await terminal.end();
  t.strictSame([end, modes], ['exit 0', { isCanonical: true, echoes: true }]);
});

/** All that was written, escape sequences included. */
class Raw extends Screen {
  private written = '';

  override show(bytes: Uint8Array): void {
    this.written += Buffer.from(bytes).toString('latin1');
  }

  override get text(): string {
    return this.written;
  }
}

t.test('vi of busybox changes a file, which is that of the host still', async (t) => {
  if (!existsSync('/bin/busybox')) return t.comment('busybox is missing: apt install busybox-static');
  const path = join(directory, 'text');
  writeFileSync(path, 'one\ntwo\nthree\n');
  const words = ['sh', '-c', `busybox vi ${path}; cat ${path}`];
  const terminal = new PseudoTerminal([...bd0Command, 'run', '--env', 'TERM=xterm', '/bin/busybox', ...words], {
    screen: new Raw(),
  });
  await terminal.sees(/three/);
  terminal.type('ddifirst \x1b');
  await terminal.sees(/first /);
  terminal.type(':wq\r');
  await terminal.sees(/first two\r\nthree\r\n$/);
  t.equal((await terminal.end()).end, 'exit 0');
  t.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\n', 'the host has the file as it was');
});
