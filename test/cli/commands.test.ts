import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';
import { VmoStore } from '../../src/index.js';
import { COMMANDS } from '../../src/cli/commands.js';
import { candidates } from '../../src/cli/completion.js';
import { dispatch } from '../../src/cli/dispatch.js';
import { describeError } from '../../src/cli/failure.js';
import { helpText } from '../../src/cli/help.js';
import type { Option } from '../../src/cli/options.js';
import { VMO_COMMANDS } from '../../src/cli/vmo/commands.js';
import { sha256 } from '../../src/host/sha256.js';
import { bd0, bd0Command } from './bd0.js';
import { served } from './served.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'bd0-commands-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

t.setTimeout(0);

/** A file of the test's directory. */
function file(name: string, content: string | Uint8Array = ''): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

t.test('help shows commands, options and examples, in 80 columns', async (t) => {
  const names = Object.keys(COMMANDS);
  for (const path of [[], ...names.map((name) => [name])]) {
    const text = await helpText(path);
    t.match(text, new RegExp(`^${['bd0', ...path].join(' ')}`), 'says which command it is');
    t.match(text, /^Examples:\n  bd0 /m);
    t.match(text, /--help .*\n.*--version /);
    for (const line of text.split('\n')) t.ok(line.length <= 80, line);
  }
  const root = await helpText([]);
  for (const name of names) t.match(root, new RegExp(`^  bd0 ${name} +[a-z]`, 'm'));
});

t.test('bd0 alone, bd0 help and --help print the help to stdout', async (t) => {
  const cases: [words: string[], path: string[]][] = [
    [[], []],
    [['help'], []],
    [['vmo'], ['vmo']],
    [
      ['help', 'vmo', 'import'],
      ['vmo', 'import'],
    ],
    [
      ['vmo', 'help', 'ls'],
      ['vmo', 'ls'],
    ],
    [['help', '--help'], []],
    [['help', 'run', '-h'], ['run']],
    [['run', 'image', '-h'], ['run']],
    [['cc', 'file.c', '--help'], ['cc']],
    [
      ['vmo', 'ls', 'name', '--help', '--frob'],
      ['vmo', 'ls'],
    ],
  ];
  for (const [words, path] of cases)
    t.strictSame(
      await served(words),
      { code: 0, signal: null, stdout: `${(await helpText(path)).trimEnd()}\n`, stderr: '' },
      words.join(' '),
    );
  t.strictSame(await bd0([]), await served([]), 'from the start of the process');
});

t.test('the version is that of the package, for every command', async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  for (const words of [
    ['--version'],
    ['-V'],
    ['run', '--version'],
    ['new', '--version'],
    ['cc', '--version'],
    ['vmo', 'ls', '-V'],
    ['vmo', '--version'],
    ['bench', '--version'],
    ['shell', '--version'],
    ['completion', '-V'],
    ['help', '--version'],
    ['help', 'vmo', '-V'],
  ])
    // prettier-ignore
    t.strictSame(await served(words), { code: 0, signal: null, stdout: `${version}\n`, stderr: '' }, words.join(' '));
});

t.test('an old Node is refused in one line, in syntax that it can parse', async (t) => {
  // The first two lines are for sh; the second is a string and a comment to Node.
  const [, forShell, ...lines] = readFileSync(join(root, 'bin/bd0.cjs'), 'utf8').split('\n');
  t.match(forShell, /^':' \/\//);
  const main = lines.join('\n');
  // Compiled to ES5, the oldest syntax there is, it stays the same: import() is all that is newer, and Node 12 parses that.
  const { outputText } = ts.transpileModule(main, {
    compilerOptions: { target: ts.ScriptTarget.ES5, module: ts.ModuleKind.ESNext },
  });
  const plain = (text: string): string => text.replace(/\s+/g, '');
  t.equal(plain(outputText), plain(main));
  const started = (version: string): SpawnSyncReturns<string> => {
    const fake = file('fake.cjs', `Object.defineProperty(process.versions, 'node', { value: '${version}' });`);
    const [program, ...words] = bd0Command;
    return spawnSync(program!, [...words.slice(0, -1), '-r', fake, words.at(-1)!, '--version'], { encoding: 'utf8' });
  };
  for (const version of ['0.10.48', '12.22.12', '20.18.3', '21.7.3', '22.11.0']) {
    const { status, stdout, stderr } = started(version);
    t.strictSame([status, stdout, stderr], [125, '', `bd0: needs Node 20.19, or 22.12 or later; this is ${version}\n`]);
  }
  for (const version of ['20.19.0', '22.12.0', '23.0.0']) t.equal(started(version).status, 0, version);
});

t.test('bd0 completion prints a script for bash or zsh, which completes', async (t) => {
  const script = (await served(['completion', 'bash'])).stdout;
  t.match(script, /^complete .* bd0$/m);
  t.match((await served(['completion', 'zsh'])).stdout, /^#compdef bd0\n/);
  t.match((await served(['completion'], { env: { SHELL: '/usr/bin/zsh' } })).stdout, /^#compdef bd0\n/);
  t.equal((await served(['completion'], { env: { SHELL: '/usr/bin/fish' } })).stdout, script);
  const typed = `${script}
    bd0() { ${bd0Command.map((word) => `'${word}'`).join(' ')} "$@"; }
    for line in 'bd0 ru' 'bd0 run hello_' 'bd0 vmo --sto'; do
      COMP_WORDS=($line) COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _bd0_yargs_completions
      echo "\${COMPREPLY[*]}"
    done`;
  const { stdout } = spawnSync('bash', ['-c', typed], { encoding: 'utf8' });
  t.equal(stdout, 'run\nhello_world\n\n', 'in bash');
});

t.test('completion offers commands, options and their values, images, workloads and names in a store', async (t) => {
  const store = join(directory, 'store');
  t.equal((await served(['vmo', '--store', store, 'import', file('content', 'content'), '--name', 'my:name'])).code, 0);
  const names = join(directory, 'names');
  mkdirSync(names);
  writeFileSync(join(names, 'program'), '');
  const cases: [words: string, has: string[], hasNot?: string[]][] = [
    ['', Object.keys(COMMANDS)],
    ['-', ['--help', '--version'], ['run']],
    ['help ', ['run', 'vmo'], ['--help']],
    ['help vmo ', ['ls', 'import']],
    ['vmo ', ['ls', 'import', 'gc']],
    ['vmo ls --', ['--store', '--long', '--json', '--help']],
    ['run --', ['--limit', '--engine', '--json', '--help']],
    ['run ', ['hello_world', 'fib']],
    [`run --root ${names} `, ['program'], ['hello_world']],
    [`run --root=${names} `, ['program'], ['hello_world']],
    [`run --store ${store} `, ['hello_world', 'my:name']],
    ['run hello_world ', [], ['fib', 'hello_world']],
    ['run echo -- --', [], ['--limit']],
    ['run --engine ', ['auto', 'interpreter', 'evaluator'], ['hello_world']],
    ['run --engine = ', ['auto']],
    ['run --trace calls,', ['calls,faults', 'calls,blocks']],
    ['run --log-level ', ['debug']],
    ['shell --', ['--store']],
    [`vmo cat --store ${store} `, ['my:name']],
    [`vmo --store ${store} cat `, []],
    [`vmo import --store ${store} `, [], ['my:name']],
    ['vmo cat --store /nonexistent ', []],
    ['bench ', ['fib', 'integer', 'fp', 'kernel']],
    ['bench --contenders native,', ['native,auto']],
    ['completion ', ['bash', 'zsh']],
    ['frob ', []],
  ];
  for (const [words, has, hasNot = []] of cases) {
    const found = await candidates(['bd0', ...words.split(' ')].slice(1));
    for (const word of has) t.ok(found.includes(word), `${words}${word}`);
    for (const word of hasNot) t.notOk(found.includes(word), `${words}${word}`);
  }
  process.env['COMP_LINE'] = 'bd0 vmo cat';
  t.teardown(() => delete process.env['COMP_LINE']);
  t.strictSame(
    await candidates(['vmo', 'cat', '--store', store, '']),
    ['my\\:name:name in the store'],
    'as zsh wants them',
  );
});

/** The failure of a command in this process, which must fail before it starts anything. */
async function failureOf(words: readonly string[]): Promise<{ line: string; exitCode: number }> {
  try {
    await dispatch(words);
  } catch (error) {
    return describeError(error);
  }
  throw new Error(`it did not fail: ${words.join(' ')}`);
}

t.test('unknown commands and words end with 125, one line and a suggestion', async (t) => {
  const cases: [words: string[], line: string | RegExp][] = [
    [
      ['frob'],
      "bd0: unknown command 'frob': the commands are run, boot, shell, debug, web, new, resume, replay, diff-trace, cc, vmo, bench, completion, help",
    ],
    [['rnu', '--json'], "bd0: unknown command 'rnu': did you mean 'run'?"],
    [['vmo', 'frob'], /^bd0: unknown command 'vmo frob': the commands are import, ls, cat, /],
    [['vmo', 'exprot'], "bd0: unknown command 'vmo exprot': did you mean 'export'?"],
    [['vmo', '--json'], 'bd0: bd0 vmo needs a command: bd0 vmo --help lists them'],
    [['vmo', 'hash'], /needs a FILE/],
    [['vmo', 'hash', '--frob', 'x'], "bd0: unknown option '--frob': bd0 vmo hash --help lists the options"],
    [['vmo', 'hash', '--store', 'x', 'y'], "bd0: unknown option '--store': bd0 vmo hash --help lists the options"],
    [['vmo', 'gc', '--dryrun'], "bd0: unknown option '--dryrun': did you mean '--dry-run'?"],
    [['--frob'], "bd0: unknown option '--frob': bd0 --help lists the options"],
    [['--verison'], "bd0: unknown option '--verison': did you mean '--version'?"],
    [['help', 'runn'], "bd0: unknown command 'runn': did you mean 'run'?"],
    [['help', 'run', 'x'], "bd0: 'run' has no command 'x'"],
    [['help', '--frob'], "bd0: unknown option '--frob': bd0 --help lists the options"],
    [['new'], 'bd0: bd0 new needs a NAME for the project'],
    [['new', 'a', 'b'], "bd0: bd0 new takes only one NAME: remove 'b'"],
    [['new', '--frob', 'a'], "bd0: unknown option '--frob': bd0 new --help lists the options"],
    [['nwe'], "bd0: unknown command 'nwe': did you mean 'new'?"],
    [['cc'], /^bd0: bd0 cc needs a FILE/],
    [['cc', 'x.c'], /^bd0: bd0 cc needs -o OUT/],
    [['cc', 'x.c', '-o'], /^bd0: bd0 cc needs -o OUT/],
    [['bench', 'fbi'], "bd0: unknown workload 'fbi': did you mean 'fib'?"],
    [
      ['bench', 'frobnicate'],
      /^bd0: unknown workload 'frobnicate': the workloads and groups are alu, .*, kernel, programs$/,
    ],
    [['bench', 'kernel', 'fib'], 'bd0: kernel is measured alone: bd0 bench kernel'],
    [['bench', 'kernel', '--linux', '/none'], "bd0: cannot read --linux '/none': no such file or directory"],
    [['bench', 'fib', '--linux', 'x'], 'bd0: --linux is only for bd0 bench kernel'],
    [['completion', 'tcsh'], "bd0: bd0 completion has no script for 'tcsh': choose bash or zsh"],
  ];
  for (const [words, line] of cases) {
    const failure = await failureOf(words);
    t.equal(failure.exitCode, 125, words.join(' '));
    t.match(failure.line, line);
    t.notMatch(failure.line, '\n');
  }
  const { code, stdout, stderr } = await bd0(['rnu']);
  t.strictSame([code, stdout, stderr], [125, '', "bd0: unknown command 'rnu': did you mean 'run'?\n"]);
});

/** Commands with options, and words with which each would work. */
const WITH_OPTIONS: [path: string[], words: string[]][] = [
  [['run'], ['hello_world']],
  [['shell'], []],
  [['bench'], ['fib']],
  ...Object.keys(VMO_COMMANDS).map((name): [string[], string[]] => [['vmo', name], name === 'gc' ? [] : ['x']]),
];

/** Values that an option must refuse, by name; for all others only an empty one. */
const WRONG_VALUES: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ['limit', 'memory'].map((name) => [name, ['x', '-1', '0', '1.5.1', '1XB', 'NaN', '1e3', '9'.repeat(400), '9PB']]),
  ),
  'write-back': ['x', '-1', 'NaN', '9'.repeat(400)],
  ...Object.fromEntries(['offset', 'length'].map((name) => [name, ['x', '-1', 'NaN', '8PB']])),
  ...Object.fromEntries(
    ['max-instructions', 'rounds'].map((name) => [name, ['x', '-1', '0', '1.5', 'NaN', '1e3', '9007199254740992']]),
  ),
  ...Object.fromEntries(
    ['jit-threshold', 'depth'].map((name) => [name, ['x', '-1', '1.5', 'NaN', '9007199254740992']]),
  ),
  grace: ['x', '-1', '1', '1w', 'NaN'],
  timeout: ['x', '-1', '0', 'NaN', 'Infinity', '1s', '9'.repeat(400)],
  scale: ['x', '-1', '0', 'NaN', '1e3', 'Infinity'],
  ...Object.fromEntries(
    ['engine', 'clock', 'debug-mode', 'trace', 'log-level', 'contenders'].map((name) => [name, ['frob', 'auto,', ' ']]),
  ),
};

t.test('every option of every command refuses every kind of error, in one line', async (t) => {
  let count = 0;
  /** Fails with one line that matches. */
  const refuses = async (words: readonly string[], message: RegExp): Promise<void> => {
    const { line, exitCode } = await failureOf(words);
    count++;
    if (
      exitCode !== 125 ||
      !/^bd0: [^\n]+$/.test(line) ||
      /fault of bd0|\bat \S+:\d+/.test(line) ||
      !message.test(line)
    )
      t.fail(`${words.join(' ').slice(0, 99)}: exit code ${exitCode}: ${line}`);
  };
  delete process.env['BD0_STORE'];
  for (const [path, words] of WITH_OPTIONS) {
    const options = path[0] === 'vmo' ? VMO_COMMANDS[path[1]!]!.options : COMMANDS[path[0]!]!.options;
    const command = `bd0 ${path.join(' ')}`;
    await refuses([...path, '--frobnicate', ...words], new RegExp(`unknown option '--frobnicate': ${command} --help`));
    await refuses([...path, '-?', ...words], /unknown option '-\?'/);
    for (const [name, option] of Object.entries<Option>(options)) {
      const mistyped = `${name.slice(0, -1)}${name.at(-1) === 'z' ? 'y' : 'z'}`;
      await refuses(
        [...path, `--${mistyped}`, ...words],
        name.length > 2 ? /unknown option .*did you mean '--/ : /unknown/,
      );
      const spellings = [`--${name}`, ...(typeof option.alias === 'string' ? [`-${option.alias}`] : [])];
      for (const spelling of spellings) {
        if (option.requiresArg === true) {
          await refuses([...path, ...words, spelling], new RegExp(`--${name} needs a value: ${command} --help`));
          await refuses([...path, spelling, '', ...words], /needs a value/);
          await refuses([...path, `${spelling}=`, '', ...words], /needs a value/);
          await refuses([...path, spelling, `--${name}`, 'x', ...words], /needs a value, and '--.*' is an option/);
        } else if (name !== 'debug-mode') await refuses([...path, `${spelling}=frob`, ...words], /takes no value/);
        for (const value of WRONG_VALUES[name] ?? [])
          await refuses([...path, `${spelling}=${value}`, ...words], new RegExp(`--${name}|unknown contender`));
      }
    }
    for (const stranger of ['--offset', '--markdown', '--engine', '--dot'].filter(
      (other) => !(other.slice(2) in options),
    ))
      await refuses([...path, stranger, ...words], new RegExp(`unknown option '${stranger}'`));
  }
  t.ok(count > 500, `${count} errors`);
});

t.test('of an option that is given twice the last one counts', async (t) => {
  const { message } = await dispatch(['vmo', 'cat', '--offset', 'x', '--offset', '7y', 'z']).then(
    () => ({ message: '' }),
    (error: Error) => error,
  );
  t.match(message, /--offset '7y'/);
});

t.test('with --json a failure is one JSON object, where the result would be', async (t) => {
  const cases: [words: string[], stream: 'stdout' | 'stderr', code: number, error: RegExp][] = [
    [['run', '--json', 'no-such-guest'], 'stderr', 127, /^there is no file 'no-such-guest'/],
    [['run', '-m', '4GB', '--json', 'hello_world'], 'stderr', 125, /^--memory 4GB is too large/],
    [['run', 'hello_world', '--frob', '--json'], 'stderr', 125, /^unknown option/],
    [
      ['run', '--json', '--log-file', join(directory, 'none/log'), 'hello_world'],
      'stderr',
      125,
      /^cannot write --log-file/,
    ],
    [['run', '--json', file('text', 'This is not a program.\n'.repeat(9))], 'stderr', 126, /not runnable/],
    [['shell', '--json', 'x'], 'stderr', 125, /takes no arguments/],
    [['vmo', 'cat', '--json', join(directory, 'nothing')], 'stdout', 127, /nothing/],
    [['vmo', 'hash', '--json', join(directory, 'none')], 'stdout', 127, /no such file/],
    [['vmo', 'export', '--json', 'name'], 'stdout', 125, /^--json needs -o FILE/],
    [['vmo', '--json', 'ls', '--frob'], 'stdout', 125, /^unknown option/],
    [['vmo', 'frob', '--json'], 'stdout', 125, /^unknown command 'vmo frob'/],
  ];
  for (const [words, stream, code, error] of cases) {
    const ran = await served(words);
    t.equal(ran.code, code, words.join(' '));
    t.match(JSON.parse(ran[stream]), { error, exitCode: code });
    t.strictSame(Object.keys(JSON.parse(ran[stream]) as object), ['error', 'exitCode']);
    t.equal(ran[stream === 'stdout' ? 'stderr' : 'stdout'], '', 'and nothing else');
  }
  const words = await served(['run', 'no-such-guest', '--', '--json']);
  t.match(words.stderr, /^bd0: there is no file/, 'an argument of the guest');
  const [none, there] = [join(directory, 'none'), file('there', 'content')];
  const hashed = await served(['vmo', 'hash', '--json', none, there]);
  t.match(JSON.parse(hashed.stdout), { file: there, id: /^[0-9a-f]{64}$/ });
  t.match(JSON.parse(hashed.stderr), { file: none, error: /no such file/, exitCode: 127 }, 'the others go on');
});

t.test('bd0 vmo hash tells the identity of content', async (t) => {
  const store = new VmoStore(sha256);
  const idOf = (bytes: Uint8Array): string => store.fromBytes(bytes).id;
  const bytes = Uint8Array.from({ length: 3_000_001 }, (_, i) => (i * i) >> 7);
  const [big, empty] = [file('big', bytes), file('empty')];
  const [bigId, emptyId] = [idOf(bytes), idOf(new Uint8Array(0))];

  t.equal((await served(['vmo', 'hash', big])).stdout, `${bigId}\n`, 'of one file: alone');
  t.equal(
    (await served(['vmo', 'hash', empty, big])).stdout,
    `${emptyId}  ${empty}\n${bigId}  ${big}\n`,
    'of several: with names',
  );
  t.equal((await bd0(['vmo', 'hash', '-'], { input: bytes })).stdout, `${bigId}\n`, 'of standard input');
  const { stdout } = await served(['vmo', 'hash', '--json', big, '7']);
  t.strictSame(JSON.parse(stdout), { file: big, length: bytes.length, id: bigId }, 'as JSON lines');
});

t.test('bd0 vmo hash goes on after a file that it cannot read', async (t) => {
  const some = file('some', 'some bytes');
  const ran = await served(['vmo', 'hash', join(directory, 'none'), some, directory]);
  t.equal(ran.code, 127, 'the exit code tells the first failure');
  t.match(ran.stdout, /^[0-9a-f]{64}  .*some\n$/);
  t.match(
    ran.stderr,
    /^bd0: cannot read '.*none': no such file or directory\nbd0: cannot read '.*': it is a directory\n$/,
  );
});

t.test('bd0 cc makes an image that bd0 run runs, and passes on warnings', async (t) => {
  const source = file(
    'program.c',
    '#include "answer.h"\n#warning careful\nint main(void) { return ANSWER + EXTRA; }\n',
  );
  file('answer.h', '#define ANSWER 42\n');
  const image = join(directory, 'program');
  // The value of -I stands alone, as compilers allow: it must stay behind its option.
  const { code, stdout, stderr } = await bd0(['cc', '-I', directory, source, `-o${image}`, '-DEXTRA=1']);
  t.strictSame([code, stdout], [0, '']);
  t.match(stderr, /program\.c:2:.*careful/);
  t.equal((await bd0(['run', image])).code, 43);
});

t.test('bd0 cc passes on what the compiler refuses', async (t) => {
  const output = join(directory, 'unused');
  const refused = await bd0(['cc', file('bad.c', 'int main(void) { return x; }\n'), '-o', output]);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /x.* undeclared[^]*\nbd0: \S+ failed with exit code 1\n$/);
  const alone = await bd0(['cc', 'x.c', '-o', output], { env: { PATH: directory } });
  t.equal(alone.code, 125);
  t.match(alone.stderr, /^bd0: no C compiler for x86-64 \(tried .*\): install one[^\n]*\n$/);
});
