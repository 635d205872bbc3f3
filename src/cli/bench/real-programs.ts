/** The programs of `bd0 bench programs`: those of Linux as Debian has them, each with a little and with much to do. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const SIZES = ['short', 'long'] as const;
/** About 50 ms, and about a second, on the machine itself. */
export type Size = (typeof SIZES)[number];

/** What the programs read. */
export interface ProgramInputs {
  /** The folder of the scripts. */
  readonly scripts: string;
  /** Files of words: a small and a large one. */
  readonly text: Readonly<Record<Size, string>>;
  /** Files of C. */
  readonly source: Readonly<Record<Size, string>>;
}

export interface RealProgram {
  readonly name: string;
  /** Where it is; undefined if it is not installed. */
  readonly path: string | undefined;
  /** The Debian package that has it. */
  readonly package: string;
  words(size: Size, inputs: ProgramInputs): readonly string[];
}

const SHORT_BYTES = 800_000;
const LONG_BYTES = 8_000_000;

/** Writes the inputs into a folder; the same in every run. */
export function writeInputs(directory: string, root: string): ProgramInputs {
  const write = (name: string, content: string): string => {
    const file = join(directory, name);
    writeFileSync(file, content);
    return file;
  };
  return {
    scripts: join(root, 'bench/programs'),
    text: { short: write('short.txt', wordsOf(SHORT_BYTES)), long: write('long.txt', wordsOf(LONG_BYTES)) },
    source: { short: write('short.c', functionsOf(20)), long: write('long.c', functionsOf(500)) },
  };
}

/** A file of C with so many functions, no two alike. */
function functionsOf(count: number): string {
  const loop = (i: number): string =>
    `if (a[k] % ${(i % 7) + 2} == 0) s += a[k] * ${i}; else s ^= a[(k + ${i}) & 63] >> ${i % 5};`;
  const body = (i: number): string => `int s = ${i}; for (int k = 0; k < n; k++) { ${loop(i)} } return s;`;
  return Array.from({ length: count }, (_, i) => `int f${i}(int *a, int n) { ${body(i)} }\n`).join('');
}

/** Lines of ten words of ten letters, drawn with a generator of Lehmer's. */
function wordsOf(bytes: number): string {
  let state = 1;
  const draw = (below: number): number => (state = (state * 48271) % 0x7fff_ffff) % below;
  const word = (): string => Array.from({ length: 2 + draw(8) }, () => 'abcdefghij'[draw(10)]!).join('');
  const vocabulary = Array.from({ length: 3000 }, word);
  const lines: string[] = [];
  for (let length = 0; length < bytes; length += lines.at(-1)!.length + 1)
    lines.push(`${draw(1_000_000)} ${Array.from({ length: 9 }, () => vocabulary[draw(3000)]!).join(' ')}`);
  return `${lines.join('\n')}\n`;
}

/** All of them. */
export function realPrograms(): RealProgram[] {
  return [
    script('lua', 'lua5.4', 'lua5.4', 'work.lua', 5, 80),
    script('python', 'python3', 'python3', 'work.py', 25_000, 2_000_000),
    script('perl', 'perl', 'perl', 'work.pl', 100_000, 5_000_000),
    script('bash', 'bash', 'bash', 'work.sh', 6000, 120_000),
    {
      ...installed('sqlite', 'sqlite3', 'sqlite3'),
      words: (size, { scripts }) => [':memory:', ...repeated(size === 'short' ? 2 : 30, `.read ${scripts}/work.sql`)],
    },
    { ...installed('awk', 'gawk', 'gawk'), words: (size, { text }) => [COUNT_WORDS, text[size]] },
    { ...installed('sort', 'sort', 'coreutils'), words: (size, { text }) => ['-n', text[size]] },
    { ...installed('gzip', 'gzip', 'gzip'), words: (size, { text }) => ['-c', text[size]] },
    { ...installed('bzip2', 'bzip2', 'bzip2'), words: (size, { text }) => ['-c', text[size]] },
    {
      ...installed('sha256', 'sha256sum', 'coreutils'),
      words: (size, { text }) => repeated(size === 'short' ? 20 : 25, text[size]),
    },
    {
      ...compiler(),
      words: (size, { source }) => ['-quiet', '-O2', '-o', '-', source[size]],
    },
  ];
}

const COUNT_WORDS = '{ for (i = 1; i <= NF; i++) n[$i]++ } END { for (w in n) s += n[w] * length(w); print s }';

type Installed = Omit<RealProgram, 'words'>;

function script(name: string, command: string, debian: string, file: string, short: number, long: number): RealProgram {
  return {
    ...installed(name, command, debian),
    words: (size, { scripts }) => [join(scripts, file), String(size === 'short' ? short : long)],
  };
}

function installed(name: string, command: string, debian: string): Installed {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return {
    name,
    package: debian,
    path: folders.map((folder) => join(folder, command)).find((file) => isProgram(file)),
  };
}

/** The compiler proper of gcc, which starts no other program. */
function compiler(): Installed {
  const { stdout } = spawnSync('gcc', ['-print-prog-name=cc1'], { encoding: 'utf8' });
  const path = stdout?.trim();
  return { name: 'cc1', package: 'gcc', path: path && isProgram(path) ? path : undefined };
}

/** Whether a file is there that is a program itself, not a script that finds one. */
function isProgram(path: string): boolean {
  const magic = Buffer.alloc(4);
  try {
    const fd = openSync(path, 'r');
    readSync(fd, magic);
    closeSync(fd);
  } catch {
    return false;
  }
  return magic.toString('latin1') === '\x7fELF';
}

function repeated(times: number, word: string): string[] {
  return Array.from({ length: times }, () => word);
}
