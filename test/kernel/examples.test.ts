/** The examples of docs/kernel-calls: whole programs, which compile without a warning and do what they say. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Computer } from '../../src/index.js';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import { ScriptedConsole, compiled, guestImage, namesOf, sha256 } from '../support/guest-programs.js';

const MIB = 2 ** 20;

const pages = fileURLToPath(new URL('../../../docs/kernel-calls/', import.meta.url));

/** Exit codes of the examples, where they are not 0: `process_find` looks for a server that there is not. */
const EXIT_CODES: Readonly<Record<string, number>> = { exit: 3, process_find: 1 };

/** Programs that examples start. */
const OTHERS = ['cat', 'echo', 'sieve'];

t.setTimeout(0);

function exampleOf(call: string): string {
  const page = readFileSync(`${pages}${call}.md`, 'utf8');
  return /^## EXAMPLE\n\n((?: {4}.*\n|\n)+)$/m.exec(page)![1]!.replace(/^ {4}/gm, '');
}

/** Runs a program that finds others by their names, and three lines of input; answers its exit code. */
function exitCodeOf(image: Uint8Array, others: ReadonlyMap<string, Uint8Array>): number | string {
  const console = new ScriptedConsole([Buffer.from('one\ntwo\nthree\n')]);
  const computer = new Computer({ memoryBytes: 64 * MIB, console, sha256, names: namesOf(others) });
  const process = computer.start(image, { name: 'example', limitBytes: 64 * MIB });
  for (;;) {
    const outcome = computer.run(process);
    if (outcome.kind === 'exited') return outcome.exitCode;
    if (outcome.kind !== 'waiting' || outcome.until === Infinity) return outcome.kind;
    computer.passTime(outcome.until);
  }
}

t.test('the example of each call uses it, compiles without a warning, and exits as expected', async (t) => {
  const directory = t.testdir();
  const others = new Map<string, Uint8Array>();
  for (const name of OTHERS) others.set(name, await guestImage(name));
  for (const { name } of KERNEL_CALLS) {
    const code = exampleOf(name);
    t.match(code, `bd0_${name}(`, `the example of ${name}`);
    const source = `${directory}/${name}.c`;
    writeFileSync(source, code);
    const image = await compiled(source, { compilerOptions: ['-Wall', '-Werror'] });
    t.equal(exitCodeOf(image, others), EXIT_CODES[name] ?? 0, `exit code of the example of ${name}`);
  }
});
