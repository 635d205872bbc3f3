/**
 * Runs a guest on this process's standard input and output, and reports what it cost on standard error.
 *
 *     node examples/node/run.mjs IMAGE [ARGUMENTS...]
 */
import process from 'node:process';
import { Computer, KernelError, describeTrap } from 'bd0';
import { HostError, StandardConsole, findImage, processName, readImage, sha256 } from 'bd0/node';

/**
 * The exit code: the guest's own, or bd0's.
 * @param {string} image
 * @param {readonly string[]} argv
 */
async function run(image, argv) {
  const path = findImage(image);
  const console = await StandardConsole.open();
  const computer = new Computer({ console, sha256, clock: console.isTerminal ? 'real' : 'free' });
  const file = await readImage(computer.store, path);
  const program = computer.start(file, { name: processName(path), limitBytes: 2 ** 30, argv });
  file.close();
  const outcome = await console.run(computer, program);
  console.close();
  if (outcome.kind === 'trapped') process.stderr.write(`${describeTrap(outcome.report).join('\n  ')}\n`);
  const { instructions, frames } = computer.statistics;
  process.stderr.write(`${outcome.kind}: ${instructions} instructions, ${frames.inUse} pages of memory\n`);
  return outcome.kind === 'exited' || outcome.kind === 'trapped' ? outcome.exitCode : 1;
}

const [image = 'hello_world', ...guestArguments] = process.argv.slice(2);
try {
  process.exitCode = await run(image, [image, ...guestArguments]);
} catch (error) {
  if (!(error instanceof HostError || error instanceof KernelError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
