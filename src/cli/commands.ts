import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs, { type Argv } from 'yargs';
import { BENCH_OPTIONS, readBenchRequest } from './bench/bench-options.js';
import { Failure } from './failure.js';
import { packageRoot } from '../host/package-root.js';
import { RUN_OPTIONS } from './run/run-options.js';
import { addVmoCommands, VMO_COMMANDS } from './vmo/commands.js';

/** Columns of the help. */
const WIDTH = 80;

/** What follows `bd0`. */
const COMMANDS = ['run', 'shell', 'cc', 'vmo', 'bench'] as const;

/**
 * What yargs does of the command line: help, and the commands that have ordinary arguments. Answers the exit code. Throws
 * Failure.
 */
export async function performCommand(words: readonly string[]): Promise<number> {
  requireCommand(words);
  let exitCode = 0;
  const parser = yargs([...words])
    .scriptName('bd0')
    .usage('bd0: x86-64 programs on BD0, a single-address-space operating system\n\nbd0 COMMAND ...')
    .command('run', 'boot BD0 and start IMAGE', runHelp)
    .command('shell', 'boot BD0 into the terminal', shellHelp)
    .command('cc', 'compile C, C++ or assembly for BD0', ccHelp)
    .command('vmo', 'virtual memory objects: content by its hash', (vmo) =>
      addVmoCommands(vmo, (code) => {
        exitCode = code;
      }),
    )
    .command('bench', 'the benchmarks, with a table', benchHelp, async ({ _: [, ...names], ...options }) => {
      const request = readBenchRequest(names.map(String), options);
      exitCode = await (await import('./bench/bench.js')).bench(request);
    })
    .example('bd0 run hello_world', 'run a guest that comes with bd0')
    .example('bd0 COMMAND --help', 'what a command does, and its options')
    .epilogue('Exit codes of bd0: 124 limit reached, 125 bd0 failed, 126 not runnable, 127 not found.')
    .option('help', { alias: 'h', boolean: true, describe: 'this text' })
    .version('version', 'the version of bd0', version())
    .parserConfiguration({
      ...{ 'parse-numbers': false, 'parse-positional-numbers': false, 'dot-notation': false },
      'duplicate-arguments-array': false,
    })
    .detectLocale(false)
    .wrap(WIDTH)
    .strictOptions()
    .exitProcess(false)
    .fail((message: string | null, error: unknown) => {
      throw error ?? new Failure(`${message?.replace(/^Unknown arguments?/, 'unknown option')}; bd0 --help tells more`);
    });
  await parser.parseAsync();
  return exitCode;
}

function requireCommand([command, second]: readonly string[]): void {
  const known = COMMANDS.join(', ');
  if (command === undefined) throw new Failure(`bd0 needs a command: ${known}; bd0 --help tells more`);
  if (!command.startsWith('-') && !COMMANDS.some((name) => name === command))
    throw new Failure(`there is no command '${command}': the commands are ${known}`);
  if (command !== 'vmo' || second?.startsWith('-')) return;
  if (second === undefined) throw new Failure(`bd0 vmo needs a command: ${VMO_COMMANDS.join(', ')}`);
  if (!VMO_COMMANDS.includes(second))
    throw new Failure(`there is no command 'vmo ${second}': the commands are ${VMO_COMMANDS.join(', ')}`);
}

function runHelp(command: Argv): Argv {
  return command
    .usage(
      'bd0 run [OPTIONS] [IMAGE [OPTIONS] [--] [ARGS...]]\n\n' +
        'IMAGE is a file, or else a name under --root; without one, bd0 runs the terminal, as bd0 shell does.',
    )
    .options(RUN_OPTIONS)
    .example('bd0 run hello_world', '')
    .example('bd0 run echo one two', 'ARGS are the arguments of the guest')
    .example('bd0 run sparse -L 32GB --stats', 'a region of 32 GB, counters at the end')
    .example('bd0 run echo -- --help', 'an argument of the guest that begins with -')
    .epilogue(
      'SIZE is a number with an optional KB, MB, GB or TB. Exit code: that of the guest; ' +
        '124 limit reached, 125 bd0 failed, 126 IMAGE is not runnable, 127 not found, ' +
        '128 + n killed by a trap or signal.',
    );
}

function shellHelp(command: Argv): Argv {
  return command
    .usage(
      'bd0 shell [OPTIONS]\n\nThe terminal of BD0, where programs are started and looked at: type help. ' +
        'On a terminal Ctrl-A x quits, and Ctrl-A h tells the other keys of bd0.',
    )
    .options(RUN_OPTIONS)
    .example('bd0 shell', '')
    .example('bd0 shell --store ~/.bd0', 'with names that last')
    .example("echo 'start hello_world' | bd0 shell", 'commands from a pipe');
}

function ccHelp(command: Argv): Argv {
  return command
    .usage(
      "bd0 cc FILES -o OUT [OPTIONS]\n\nCompiles with the system's gcc or clang. OPTIONS are the compiler's. " +
        '__bd0__ is defined.',
    )
    .example('bd0 cc hello.c -o hello', 'then: bd0 run ./hello')
    .example('bd0 cc main.c start.S -O3 -DN=5 -o program', '');
}

function benchHelp(command: Argv) {
  return command
    .usage(
      'bd0 bench [OPTIONS] [WORKLOAD...]\n\nRuns workloads natively, under other emulators as far as they are ' +
        'installed, and here. WORKLOAD is a workload or a group of them: integer, memory, fp, system; ' +
        'or kernel, alone: what kernel-calls, switches, starts and faults cost, beside Linux; ' +
        'docs/benchmarks.md tells what they do. Needs gcc or clang.',
    )
    .options(BENCH_OPTIONS)
    .example('bd0 bench', 'everything: about an hour')
    .example('bd0 bench --rounds 1 fib sieve', 'two workloads, once each')
    .example('bd0 bench fp --contenders qemu-user,auto', 'a group, two contenders')
    .example('bd0 bench kernel', 'three minutes; with the Linux under /boot')
    .example('bd0 bench --scale 0.2 --json samples.json', 'a fifth of the work, with the raw samples');
}

/** The version in package.json. */
function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  return (manifest as { version: string }).version;
}
