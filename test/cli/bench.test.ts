/** `bd0 bench`: the same output from every build of every workload, and a table of what was measured. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { COLD_FUNCTIONS, coldProgram } from '../../src/cli/bench/cold-program.js';
import { allContenders, isThere } from '../../src/cli/bench/contenders.js';
import { initramfs } from '../../src/cli/bench/initramfs.js';
import { COSTS, kernelReport } from '../../src/cli/bench/kernel-costs.js';
import { programsReport, type ProgramResult } from '../../src/cli/bench/real-programs-run.js';
import { runMarked } from '../../src/cli/bench/marked-run.js';
import { measure, Stopped } from '../../src/cli/bench/measure.js';
import { ProgramBuilder } from '../../src/cli/bench/programs.js';
import { reportOf, type Result } from '../../src/cli/bench/report.js';
import { geometricMean, median } from '../../src/cli/bench/statistics.js';
import { formatMarkdown, formatText } from '../../src/cli/bench/table.js';
import { argumentsAt, GROUPS, shortName, workloads, workloadsNamed } from '../../src/cli/bench/workloads.js';
import { requireCommand } from '../support/guest-programs.js';
import { bd0, bd0Command, endOf, startBd0 } from './bd0.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-bench-test-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
t.setTimeout(0);

const never = new AbortController().signal;
const contenders = allContenders([...bd0Command, 'run']).filter(isThere);
const bochsIsMissing = { skip: !contenders.some(({ name }) => name === 'bochs') };

/** One of whole numbers and one with start-up code of its own; test/guests.test.ts compares all workloads with native runs. */
const SOME = ['sieve', 'cold'];

t.test('workloads print the same natively, on BD0 and on the bare machine', async (t) => {
  const builder = new ProgramBuilder(root, directory, 'gcc');
  for (const workload of workloads.filter(({ name }) => SOME.includes(name))) {
    const programs = await builder.build(workload, 'tiny', new Set(['native', 'bd0', 'bare']));
    const words = argumentsAt(workload, 'tiny');
    const expected = execFileSync(programs.native!, words, { encoding: 'utf8' });
    t.match(expected, /^\S.*\n$/s, `${workload.name} prints something`);
    for (const { name, kind, exitCodes, command, instructionsMax } of contenders) {
      const program = programs[kind];
      if (program === undefined || instructionsMax !== undefined) continue;
      const { stdout } = await measure(command(program, words), exitCodes, never);
      t.equal(stdout, expected, `${workload.name}: ${name}`);
    }
  }
});

t.test('gcc makes vectors of the loop of simd in all builds', async (t) => {
  requireCommand('objdump', 'binutils');
  const builder = new ProgramBuilder(root, directory, 'gcc');
  const simd = workloads.find(({ name }) => name === 'simd')!;
  const { native, bd0, bare } = await builder.build(simd, 'tiny', new Set(['native', 'bd0', 'bare']));
  for (const program of [native, bd0, bare]) {
    const text = execFileSync('objdump', ['-d', '--no-show-raw-insn', program!], { encoding: 'utf8', maxBuffer: 1e8 });
    const combine = /<combine>:\n(.*?)\n\n/s.exec(text)?.[1];
    t.match(combine, /mulps.*mulps.*subps/s, program!);
    t.notMatch(combine, /mulss/, program!);
  }
});

t.test('the functions of cold have 10 to 40 instructions, and are the same every time', async (t) => {
  const text = coldProgram(COLD_FUNCTIONS);
  t.ok(text === coldProgram(COLD_FUNCTIONS));
  const functions = [...text.matchAll(/__asm__\("cold\d+:\\n(.*)\\n"\);/g)].map(([, body]) => body!.split('\\n'));
  t.equal(functions.length, COLD_FUNCTIONS);
  const lengths = functions.map((lines) => lines.filter((line) => !line.endsWith(':')).length);
  t.strictSame([Math.min(...lengths), Math.max(...lengths)], [10, 40]);
  for (const what of ['jne 1b', 'jmp 2f', '(%rsi)', 'push %rdi'])
    t.ok(functions.filter((lines) => lines.some((line) => line.includes(what))).length > COLD_FUNCTIONS / 20, what);
});

t.test('scales make arguments', async (t) => {
  const at = (name: string, scale: number): readonly string[] =>
    argumentsAt(
      workloads.find((workload) => workload.name === name)!,
      scale,
    );
  t.strictSame(at('alu', 1), ['300000000']);
  t.strictSame(at('alu', 0.5), ['150000000']);
  t.strictSame(at('alu', 1e-20), ['1'], 'a size is never 0');
  t.strictSame(at('matmul', 8), ['800'], 'eight times the work at twice the size');
  t.strictSame(at('fib', 4), ['44'], 'each doubling adds 1.44');
  t.strictSame(at('start', 4), []);
});

t.test('names mean workloads and groups', async (t) => {
  const named = (...names: string[]): string[] | undefined => workloadsNamed(names)?.map(({ name }) => name);
  t.strictSame(
    named(),
    workloads.map(({ name }) => name),
  );
  t.strictSame(named('sieve', 'alu', 'alu'), ['alu', 'sieve'], 'in the order of the table, each once');
  t.strictSame(named('fp'), ['nbody', 'matmul', 'mandelbrot', 'simd']);
  t.strictSame(named('fp'), named('floating point'));
  t.strictSame(named(...GROUPS.map(shortName)), named());
  t.equal(named('alu', 'frob'), undefined);
});

t.test('medians, means and ratios', async (t) => {
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 2, 3]), 2.5);
  t.equal(Math.round(geometricMean([2, 8]) * 1e9), 4e9);
  const result = (name: string, seconds: Record<string, number[]>): Result => ({
    workload: workloads.find((workload) => workload.name === name)!,
    ...{ words: [], instructions: 2e6, seconds: new Map(Object.entries(seconds)) },
  });
  const results = [
    result('alu', { 'qemu-user': [4, 5, 1], auto: [2, 2, 9] }),
    result('fib', { 'qemu-user': [4], auto: [0.5] }),
    result('chase', { 'qemu-user': [2], auto: [0.25] }),
    result('calls', { auto: [1] }),
  ];
  t.strictSame(reportOf(results, ['qemu-user', 'auto'], true).split('\n'), [
    '| workload               | M instr | qemu-user | auto | auto/quser |',
    '| ---------------------- | ------: | --------: | ---: | ---------: |',
    '| alu                    |       2 |      4.00 | 2.00 |       2.00 |',
    '| fib                    |       2 |      4.00 | 0.50 |       8.00 |',
    '| mean integer           |         |           |      |       4.00 |',
    '| chase                  |       2 |      2.00 | 0.25 |       8.00 |',
    '| calls                  |       2 |         - | 1.00 |          - |',
    '| mean of all but system |         |           |      |       5.04 |',
  ]);
});

t.test('tables are aligned', async (t) => {
  const table = [
    ['name', 'n'],
    ['a', '10'],
    ['long one', '2'],
  ];
  t.equal(formatText(table), 'name       n\n--------  --\na         10\nlong one   2');
  t.equal(
    formatMarkdown([
      ['n', 'm'],
      ['a', '1'],
    ]),
    '| n   |   m |\n| --- | --: |\n| a   |   1 |',
  );
});

t.test('what fails, and what is stopped', async (t) => {
  const { cpuSeconds, stdout, stderr } = await measure(['sh', '-c', 'echo out; echo err >&2; exit 3'], [3], never);
  t.strictSame([stdout, stderr], ['out\n', 'err\n']);
  t.ok(cpuSeconds >= 0);
  await t.rejects(measure(['sh', '-c', 'echo told >&2; exit 4'], [0], never), { name: 'Failure', message: /4: told/ });
  await t.rejects(measure(['/nonexistent/program'], [0], never), { name: 'Failure', message: /127/ });
  await t.rejects(measure(['true'], [0], AbortSignal.abort()), Stopped);
  const busy = await measure(['bash', '-c', 'for ((i = 0; i < 200000; i++)); do :; done'], [0], never);
  t.ok(busy.cpuSeconds > 0, 'the time of children counts');
});

/** A directory to search for commands, with those of this machine that the build needs. */
function commandDirectory(name: string): string {
  const path = join(directory, name);
  mkdirSync(path);
  for (const command of ['env', 'bash', 'sh', 'gcc', 'as', 'ld', 'ar', 'sleep'])
    symlinkSync(execFileSync('sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).trim(), join(path, command));
  return path;
}

/** What stands in for qemu-x86_64. */
function fakeQemu(commands: string, script: string): void {
  const path = join(commands, 'qemu-x86_64');
  writeFileSync(path, `#!/bin/sh\nif [ "$1" = --version ]; then exit 0; fi\n${script}\n`);
  chmodSync(path, 0o755);
}

t.test('without other emulators there is a table, and a line for each that is left out', async (t) => {
  const env = { PATH: commandDirectory('none') };
  const json = join(directory, 'samples.json');
  const { code, stdout, stderr } = await bd0(['bench', '--rounds', '2', '--scale', 'tiny', '--json', json, 'fib'], {
    env,
  });
  t.strictSame([code, stderr], [0, '']);
  t.match(
    stdout,
    /^workload +M instr +native +interpreter +auto +auto\/nat +auto\/intp\n[- ]+\nfib( +\d+(\.\d\d)?){6}\n\n/,
  );
  t.match(stdout, 'medians of 2 interleaved rounds');
  t.match(stdout, '\nLeft out: qemu-user: qemu-x86_64 is not installed (Debian: apt install qemu-user).\n');
  t.match(
    stdout,
    '\nLeft out: qemu-system: qemu-system-x86_64 is not installed (Debian: apt install qemu-system-x86).\n',
  );
  const { results } = JSON.parse(readFileSync(json, 'utf8')) as { results: { seconds: Record<string, number[]> }[] };
  t.match(results, [{ name: 'fib', group: 'integer', arguments: ['12'], instructions: Number }]);
  t.strictSame(
    Object.entries(results[0]!.seconds).map(([name, values]) => [name, values.length]),
    [
      ['native', 2],
      ['interpreter', 2],
      ['auto', 2],
    ],
  );
});

t.test('an archive for Linux is laid out as cpio(5) says', async (t) => {
  const text = Buffer.from(initramfs(Buffer.from('first'), 'other', Buffer.from('the other one'))).toString('latin1');
  const field = (value: number): string => value.toString(16).padStart(8, '0');
  const header = (
    inode: number,
    mode: number,
    size: number,
    nameBytes: number,
    device: [number, number] = [0, 0],
  ): string => `070701${[inode, mode, 0, 0, 1, 0, size, 0, 0, ...device, nameBytes, 0].map(field).join('')}`;
  t.equal(
    text,
    [
      `${header(1, 0o040755, 0, 4)}dev\0\0\0`,
      `${header(2, 0o020600, 0, 12, [5, 1])}dev/console\0\0\0`,
      `${header(3, 0o040755, 0, 4)}sys\0\0\0`,
      `${header(4, 0o100755, 5, 5)}init\0\0first\0\0\0`,
      `${header(5, 0o100755, 13, 6)}other\0the other one\0\0\0`,
      `${header(6, 0, 0, 11)}TRAILER!!!\0\0\0\0`,
    ].join(''),
  );
});

t.test('the parts of a run are told by its lines, and wait to be taken note of', async (t) => {
  const script = (work: string): string[] => [
    ...[
      'bash',
      '-c',
      `echo noise; echo begin one; read; ${work}; echo end one 20; read; echo begin two; read; echo end two 3; read`,
    ],
  ];
  const [one, two] = await runMarked(script('for ((i = 0; i < 200000; i++)); do :; done'), never);
  t.match(
    [one, two],
    [
      { name: 'one', count: 20 },
      { name: 'two', count: 3 },
    ],
  );
  t.ok(one!.cpuSeconds > two!.cpuSeconds);
  await t.rejects(runMarked(script('echo told >&2; exit 4'), never), {
    name: 'Failure',
    message: /ended with 4: noise\ntold/,
  });
  await t.rejects(runMarked(['sleep', '1000'], AbortSignal.abort()), Stopped);
});

t.test('the costs of the kernel are told for those who are there', async (t) => {
  const words = ['bench', 'kernel', '--rounds', '1', '--scale', 'tiny', '--contenders', 'native,auto'];
  const { code, stdout, stderr } = await bd0(words);
  t.strictSame([code, stderr], [0, '']);
  t.match(stdout, /^nanoseconds each +native +auto\n[- ]+\nkernel call +\d+ +\d+\nthread switch: yield .*\n/);
  t.match(stdout, /\nprocess start, 32 GB +\d+ +\d+\npage fault: zeros .*\n.*\n.*\nmessage of 64 bytes +\d+ +\d+\n/);

  const missing = await bd0(['bench', 'kernel', '--rounds', '1', '--scale', 'tiny'], {
    env: { PATH: commandDirectory('no-qemu') },
  });
  t.match(
    missing.stdout,
    /\nLeft out: qemu-system: qemu-system-x86_64 is not installed \(Debian: apt install qemu-system-x86\)\.\n/,
  );
});

t.test('real programs run for each contender, those that are not installed left out', async (t) => {
  // Of the programs there is bash alone; a compiler is asked for, and has no cc1.
  const commands = commandDirectory('programs');
  rmSync(join(commands, 'gcc'));
  const gcc = '#!/bin/sh\ncase "$1" in -print-prog-name*) ;; *) echo x86_64-linux-gnu ;; esac\n';
  writeFileSync(join(commands, 'gcc'), gcc, { mode: 0o755 });
  const { code, stdout, stderr } = await bd0(
    ['bench', 'programs', '--scale', 'tiny', '--rounds', '1', '--contenders', 'kept'],
    { env: { PATH: commands } },
  );
  t.strictSame([code, stderr], [0, '']);
  t.match(stdout, /^program +kept\n[- ]+\nstart-up alone +[\d.]+\nbash, short +[\d.]+\n/);
  t.match(stdout, /sqlite3/);
});

t.test('real programs are compared by their speed, short ones without start-up', async (t) => {
  const seconds = (native: number, auto: number): ProgramResult['seconds'] =>
    new Map([
      ['native', [native]],
      ['auto', [auto, auto, 100]],
    ]);
  const results: ProgramResult[] = [
    { name: 'true', size: 'start-up', seconds: seconds(0.1, 0.5) },
    { name: 'lua', size: 'short', seconds: seconds(0.3, 0.9) },
    { name: 'awk', size: 'short', seconds: seconds(0.9, 0.9) },
    { name: 'lua', size: 'long', seconds: seconds(3, 4) },
  ];
  const rows = programsReport(results, ['native', 'auto'], false).split('\n').slice(2);
  t.match(rows[0], /^start-up alone +0\.10 +0\.50 +0\.20$/);
  t.match(rows[1], /^lua, short +0\.30 +0\.90 +0\.50$/);
  t.match(rows[2], /^awk, short +0\.90 +0\.90 +2\.00$/);
  t.match(rows[3], /^mean, short +1\.00$/);
  t.match(rows[4], /^lua, long +3\.00 +4\.00 +0\.75$/);
  t.equal(rows.length, 5);
});

t.test('kernel costs are compared with Linux under qemu-system and a target', async (t) => {
  const contenders = ['qemu-system', 'auto'] as const;
  const samples = new Map(
    COSTS.map(({ name }) => [
      name,
      new Map([
        ['qemu-system', [10, 20, 400]],
        ['auto', [5, 5, 90]],
      ] as const),
    ]),
  );
  const [headings, , call] = kernelReport(samples, contenders, false).split('\n');
  t.match(headings, /^nanoseconds each +qemu-system +auto +auto\/qsys +target$/);
  t.match(call, /^kernel call +20 +5 +0\.25 +0\.5$/);
});

t.test('the evaluator is asked for, and stopped early', async (t) => {
  const { code, stdout } = await bd0(['bench', '--rounds', '1', '--scale', 'tiny', '--evaluator', 'lz']);
  t.equal(code, 0);
  t.match(stdout, /^workload .* evaluator +interpreter +auto/);
});

t.test('Bochs gets a part of the work, whose output is that of the same part here', bochsIsMissing, async (t) => {
  const words = ['bench', '--rounds', '1', '--scale', '0.001', '--contenders', 'native,bochs,auto', 'fib', 'start'];
  const { code, stdout, stderr } = await bd0(words);
  t.strictSame([code, stderr], [0, '']);
  t.match(
    stdout,
    /^workload +M instr +native +bochs +auto .*\n[- ]+\nfib( +\d+(\.\d\d)?){6}\nstart +0 +\d\.\d\d +- +\d/,
  );
});

t.test('another output than the first one is an error', async (t) => {
  const commands = commandDirectory('wrong');
  fakeQemu(commands, 'echo wrong');
  const words = ['bench', '--rounds', '1', '--scale', 'tiny', '--contenders', 'native,qemu-user', 'fib'];
  const { code, stdout, stderr } = await bd0(words, { env: { PATH: commands } });
  t.strictSame([code, stdout], [125, '']);
  t.equal(stderr, 'bd0: fib: qemu-user printed "wrong\\n", native "fib(12) = 144\\n"\n');
});

t.test('SIGINT ends it with 130, and all that it has started', async (t) => {
  const commands = commandDirectory('endless');
  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  // The pipe is at its end when the last process that holds it has ended.
  fakeQemu(commands, `exec 3>'${pipe}'; echo started >&3; sleep 1000000 & wait`);
  const words = ['bench', '--rounds', '1', '--scale', 'tiny', '--contenders', 'qemu-user', 'fib'];
  const child = startBd0(words, { env: { PATH: commands } });
  const ended = endOf(child);
  const holders = createReadStream(pipe);
  const released = once(holders, 'close');
  await once(holders, 'data');
  child.kill('SIGINT');
  t.match(await ended, { code: 130, stdout: '', stderr: '' });
  await released;
});

t.test('what is not understood ends with 125 and one line', async (t) => {
  const cases: [words: string[], line: RegExp][] = [
    [['frob'], /^bd0: unknown workload 'frob': the workloads and groups are alu, fib, [^\n]*kernel[^\n]*\n$/],
    [['kernel', 'fib'], /^bd0: kernel is measured alone: bd0 bench kernel\n$/],
    [['programs', 'fib'], /^bd0: programs are measured alone: bd0 bench programs\n$/],
    [['programs', '--scale', '2'], /^bd0: --scale of bd0 bench programs is 1 or tiny: the short runs\n$/],
    [['programs', '--contenders', 'bochs'], /^bd0: unknown contender 'bochs' for programs: [^\n]*\n$/],
    [
      ['kernel', '--contenders', 'bochs'],
      /^bd0: unknown contender 'bochs' for kernel: the contenders are native, qemu-system, auto\n$/,
    ],
    [['--contenders', 'frob'], /^bd0: unknown contender 'frob': the contenders are native, qemu-user, [^\n]*\n$/],
    [['--rounds', '0'], /^bd0: --rounds '0' is not a whole number [^\n]*\n$/],
    [['--scale', '-1'], /^bd0: --scale '-1' is not a number above 0, or tiny\n$/],
    [['--frob'], /^bd0: [^\n]*unknown option[^\n]*frob[^\n]*\n$/],
  ];
  for (const [words, line] of cases) {
    const { code, stdout, stderr } = await bd0(['bench', ...words]);
    t.strictSame([code, stdout], [125, ''], words.join(' '));
    t.match(stderr, line);
  }
});

t.test('without a compiler it says which package has one', async (t) => {
  const path = join(directory, 'nothing');
  mkdirSync(path);
  symlinkSync(process.execPath, join(path, 'node'));
  const { status, stderr } = spawnSync(process.execPath, [bd0Command.at(-1)!, 'bench', 'fib'], {
    env: { PATH: path },
    encoding: 'utf8',
  });
  t.equal(status, 125);
  t.match(stderr, /^bd0: the workloads need a compiler: no C compiler for x86-64 [^\n]*apt install gcc[^\n]*\n$/);
});
