/** The compiler of `bd0 cc`: finds gcc or clang on the host, and makes it compile and link for BD0. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, extname, join, resolve } from 'node:path';
import { packageRoot } from '../package-root.js';
import { cachedLibrary } from './library-cache.js';

/** Tried in this order when no compiler is named. */
const COMPILERS = ['gcc', 'clang', 'x86_64-linux-gnu-gcc'];

/**
 * BD0 is no Linux and no Unix, and has no C library but the guest's own. The compiler's freestanding headers (stdint.h,
 * emmintrin.h ...) stay in reach. Freestanding C gives `main` no implicit `return 0`, so a missing return is refused
 * rather than made a random exit code. The CPU has no CET and no x86-64-v2. The stack protector works, and costs time.
 */
const COMPILE_OPTIONS = [
  ...['-O2', '-g', '-march=x86-64', '-ffreestanding', '-fPIE', '-fno-stack-protector', '-fcf-protection=none'],
  ...['-Werror=return-type', '-nostdinc', '-D__bd0__'],
  ...['linux', '__linux', '__linux__', '__gnu_linux__', 'unix', '__unix', '__unix__'].map((name) => `-U${name}`),
];

/** With -static-pie: relative relocations only, no interpreter, and no change of page permissions after them. */
const LINK_OPTIONS = [
  ...['-nostdlib', '-Wl,--no-dynamic-linker', '-Wl,-z,text', '-Wl,-z,norelro'],
  ...['-Wl,-z,max-page-size=4096', '-Wl,--build-id=none'],
];

/** For an image at a fixed address (ET_EXEC): that of Linux programs, which is the lowest one that BD0 accepts. */
const FIXED_OPTIONS = ['-static', '-Wl,-Ttext-segment=0x400000'];
/** With these the linker makes an ET_EXEC image of one segment, even if it is to make a PIE. */
const ONE_SEGMENT_OPTIONS = ['-N', '--omagic', '-omagic', '-n', '--nmagic', '-nmagic'];

/** C++ without what the guest library does not have; C has no such options, and the compiler would say so. */
const CXX_OPTIONS = ['-fno-exceptions', '-fno-rtti'];
export const CXX_ENDINGS = ['.cc', '.cpp', '.cxx', '.C'];
/** What the compiler takes as input besides. */
const OTHER_ENDINGS = ['.c', '.S', '.s', '.o', '.a'];

/** With one of these the compiler stops before it links. */
export const STOPS_BEFORE_LINKING = ['-c', '-S', '-E', '-fsyntax-only', '-M', '-MM'];

/** The machine has no fitting compiler, or the compiler refused the program. */
export class GuestCompilerError extends Error {
  override readonly name = 'GuestCompilerError';

  /** `message` is one line; `diagnostics` is what the compiler printed. */
  constructor(
    message: string,
    readonly diagnostics: string = '',
  ) {
    super(message);
  }
}

export interface GuestCompilation {
  /** C, C++ or assembly sources, objects and archives. */
  readonly sources: readonly string[];
  /** The image to write. */
  readonly output: string;
  /** Where include/, lib/ and bd0.ld lie; those that come with bd0 if absent. */
  readonly guestDirectory?: string;
  /** Passed on to the compiler, after bd0's own and so with the last word. */
  readonly compilerOptions?: readonly string[];
  /** The compiler's name or path; the first of gcc and clang that is there if absent. */
  readonly compiler?: string;
}

/** The directory with the headers, library and linker script of the bd0 that runs. */
export const packagedGuestDirectory = join(packageRoot, 'guest');

/**
 * Compiles and links a guest program. Returns the compiler's warnings, an empty string if there are none. With `-c`, `-S`
 * or `-E` among the options it stops where they say.
 * @throws GuestCompilerError if no compiler is found or the compiler fails.
 */
export async function compileGuest(compilation: GuestCompilation): Promise<string> {
  refuseHostLibraries([...compilation.sources, ...(compilation.compilerOptions ?? [])]);
  const compiler = await findCompiler(compilation.compiler);
  const guestDirectory = compilation.guestDirectory ?? packagedGuestDirectory;
  const { sources, output, compilerOptions = [] } = compilation;
  if (compilerOptions.some((option) => STOPS_BEFORE_LINKING.includes(option))) {
    const compileOptions = compileOptionsOf(compiler, guestDirectory);
    if ([...sources, ...compilerOptions].some(isCxx)) compileOptions.push(...cxxOptionsOf(compiler));
    return runCompiler(compiler.command, [...compileOptions, ...compilerOptions, ...sources, '-o', output]);
  }
  const library = await libraryOf(compiler, guestDirectory);
  return withCxxObjects(compiler, { sources, output, compilerOptions, guestDirectory, library }, (link) =>
    linkGuest(compiler, link),
  );
}

/** Libraries that the guest library takes the place of: C's, and the threads of <threads.h>. */
const OWN_LIBRARIES = ['c', 'gcc', 'pthread'];

/** The name of a library that a word of a command asks for, -lNAME or -l and NAME. */
function libraryNamed(words: readonly string[], at: number): string | undefined {
  const word = words[at]!;
  if (word === '-l') return words[at + 1];
  return word.startsWith('-l') ? word.slice(2) : undefined;
}

/** Refuses -l of what is not there: a library of the host is for Linux, and the linker would not find one of BD0's. */
function refuseHostLibraries(words: readonly string[]): void {
  if (words.some((word) => word.startsWith('-L'))) return;
  words.forEach((_, at) => {
    const library = libraryNamed(words, at);
    if (library === undefined || OWN_LIBRARIES.includes(library)) return;
    const advice =
      library === 'm'
        ? 'BD0 has no math.h yet'
        : `compile the sources of ${library} with bd0 cc, and link the .a or .o file`;
    throw new GuestCompilerError(`-l${library}: a library of the host does not run on BD0; ${advice}`);
  });
}

/** Without the -l of libraries that are linked anyway. */
function withoutOwnLibraries(words: readonly string[]): string[] {
  return words.filter((word, at) => {
    const own = (library: string | undefined): boolean => library !== undefined && OWN_LIBRARIES.includes(library);
    return !own(libraryNamed(words, at)) && !(words[at - 1] === '-l' && own(word));
  });
}

/** A program that comes as C files. */
export interface GuestProgram {
  readonly name: string;
  readonly sources: readonly string[];
  /** What else it is made of: its own headers. */
  readonly headers: readonly string[];
}

/** The programs of a directory, ascending by name: its C files, and the directories in it that have a main.c. */
export function guestPrograms(directory: string = packagedGuestDirectory): GuestProgram[] {
  const programs = readdirSync(directory).flatMap((file): GuestProgram[] => {
    const path = join(directory, file);
    if (extname(file) === '.c') return [{ name: basename(file, '.c'), sources: [path], headers: [] }];
    if (!existsSync(join(path, 'main.c'))) return [];
    const parts = readdirSync(path).sort();
    const ending = (end: string): string[] =>
      parts.filter((part) => part.endsWith(end)).map((part) => join(path, part));
    return [{ name: file, sources: ending('.c'), headers: ending('.h') }];
  });
  return programs.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface GuestBuild {
  /** The directory of the programs; those that come with bd0 if absent. */
  readonly programDirectory?: string;
  /** Where include/, lib/ and bd0.ld lie; those that come with bd0 if absent. */
  readonly guestDirectory?: string;
  readonly compiler?: string;
}

/**
 * Compiles every program of a directory to `outDirectory`/NAME, two at a time. A program is out of date if its source, the
 * library, a header, the options or the compiler differ in content from what its image was made of, as
 * `outDirectory`.inputs.json records. Returns the names of those that were compiled.
 * @throws GuestCompilerError
 */
export async function buildAllGuests(outDirectory: string, build: GuestBuild = {}): Promise<string[]> {
  const guestDirectory = build.guestDirectory ?? packagedGuestDirectory;
  const compiler = await findCompiler(build.compiler);
  const programs = guestPrograms(build.programDirectory ?? guestDirectory);
  mkdirSync(outDirectory, { recursive: true });

  const recordPath = `${resolve(outDirectory)}.inputs.json`;
  const recorded = readRecord(recordPath);
  const shared = sharedInputs(compiler, guestDirectory);
  const current = new Map(
    programs.map(({ name, sources, headers }) => {
      const files = [...sources, ...headers].flatMap((file) => [file, readFileSync(file)]);
      return [name, hashOf([shared, ...files])];
    }),
  );
  const stale = programs.filter(
    ({ name }) => recorded[name] !== current.get(name) || !existsSync(join(outDirectory, name)),
  );
  if (stale.length === 0) return [];

  const library = await libraryOf(compiler, guestDirectory);
  await twoAtATime(stale, async ({ name, sources }) => {
    const image = resolve(outDirectory, name);
    // Another build of the same directory may run: a name never holds half an image.
    const output = `${image}.${process.pid}.part`;
    const resolved = sources.map((source) => resolve(source));
    await linkGuest(compiler, { sources: resolved, output, compilerOptions: [], guestDirectory, library });
    renameSync(output, image);
  });
  writeFileSync(recordPath, `${JSON.stringify(Object.fromEntries(current), null, 2)}\n`);
  return stale.map(({ name }) => name);
}

export interface Compiler {
  readonly command: string;
  /** The first line of --version. */
  readonly version: string;
  /** The directory of the compiler's own headers. */
  readonly headers: string;
  /** libgcc or its like, which holds 128-bit division; absent if the compiler comes without. */
  readonly runtime: string | undefined;
  readonly archiver: string;
}

interface Link {
  readonly sources: readonly string[];
  readonly output: string;
  readonly compilerOptions: readonly string[];
  readonly guestDirectory: string;
  readonly library: string;
}

/** Compilers that this process has found, by name and PATH: to ask one costs as much as to compile a small file. */
const found = new Map<string, Compiler>();

/** The named compiler, or the first installed one that targets x86-64. @throws GuestCompilerError if there is none. */
export async function findCompiler(named?: string): Promise<Compiler> {
  const key = JSON.stringify([named, process.env['PATH']]);
  const compiler = found.get(key) ?? (await askForCompiler(named));
  found.set(key, compiler);
  return compiler;
}

async function askForCompiler(named: string | undefined): Promise<Compiler> {
  const candidates = named === undefined ? COMPILERS : [named];
  for (const command of candidates) {
    const machine = await answer(command, '-dumpmachine');
    if (machine === undefined || !/^x86_64-.*linux/.test(machine)) continue;
    const runtime = await answer(command, '-print-libgcc-file-name');
    return {
      command,
      version: (await answer(command, '--version'))?.split('\n')[0] ?? '',
      headers: (await answer(command, '-print-file-name=include')) ?? '',
      runtime: runtime !== undefined && existsSync(runtime) ? runtime : undefined,
      archiver: (await answer(command, '-print-prog-name=ar')) ?? 'ar',
    };
  }
  const tried = candidates.join(', ');
  throw new GuestCompilerError(
    `no C compiler for x86-64 (tried ${tried}): install one, on Debian by: apt install ${
      process.arch === 'x64' ? 'gcc' : 'gcc-x86-64-linux-gnu'
    }`,
  );
}

function compileOptionsOf(compiler: Compiler, guestDirectory: string): string[] {
  const headers = ['-isystem', resolve(guestDirectory, 'include'), '-isystem', compiler.headers];
  // clang warns of options that a source or a step has no use for; gcc does not.
  const quiet = compiler.version.includes('clang') ? ['-Wno-unused-command-line-argument'] : [];
  return [...COMPILE_OPTIONS, ...quiet, ...headers];
}

function isCxx(word: string): boolean {
  return CXX_ENDINGS.includes(extname(word));
}

/** In freestanding C++, clang takes `main` for a function like any other, whose name becomes that of its type, too. */
function cxxOptionsOf({ version }: Compiler): string[] {
  return version.includes('clang') ? [...CXX_OPTIONS, '-fhosted'] : CXX_OPTIONS;
}

/** Compiles the C++ sources with options of their own, and hands over a link that has objects in their places. */
async function withCxxObjects(compiler: Compiler, link: Link, use: (link: Link) => Promise<string>): Promise<string> {
  const { sources, compilerOptions, guestDirectory } = link;
  const units = [...sources, ...compilerOptions].filter(isCxx);
  if (units.length === 0) return use(link);
  const directory = mkdtempSync(join(tmpdir(), 'bd0-'));
  try {
    const options = compilerOptions.filter((word) => !isCxx(word) && !OTHER_ENDINGS.includes(extname(word)));
    const objects = new Map(units.map((unit, index) => [unit, join(directory, `${index}.o`)]));
    const compileOptions = [...compileOptionsOf(compiler, guestDirectory), ...cxxOptionsOf(compiler), ...options, '-c'];
    let said = '';
    for (const [unit, object] of objects)
      said += await runCompiler(compiler.command, [...compileOptions, unit, '-o', object]);
    const inPlace = (words: readonly string[]): string[] => words.map((word) => objects.get(word) ?? word);
    return said + (await use({ ...link, sources: inPlace(sources), compilerOptions: inPlace(compilerOptions) }));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** True if the image is for a fixed address. clang refuses -no-pie together with -static-pie. */
function isFixed(options: readonly string[]): boolean {
  const ofLinker = options.flatMap((option, at) =>
    option.startsWith('-Wl,') ? option.split(',').slice(1) : options[at - 1] === '-Xlinker' ? [option] : [],
  );
  return options.includes('-no-pie') || ofLinker.some((option) => ONE_SEGMENT_OPTIONS.includes(option));
}

async function linkGuest(compiler: Compiler, link: Link): Promise<string> {
  return runCompiler(compiler.command, [
    ...compileOptionsOf(compiler, link.guestDirectory),
    ...(isFixed(link.compilerOptions) ? FIXED_OPTIONS : ['-static-pie']),
    ...LINK_OPTIONS,
    ...['-T', resolve(link.guestDirectory, 'bd0.ld')],
    ...withoutOwnLibraries(link.compilerOptions),
    ...link.sources,
    link.library,
    ...(compiler.runtime === undefined ? [] : [compiler.runtime]),
    ...['-o', link.output],
  ]);
}

/** The archives that this process has asked for, by what they are made of. */
const libraries = new Map<string, Promise<string>>();

/** The guest library as an archive, from which the linker takes what a program needs; compiled where no cache has it. */
function libraryOf(compiler: Compiler, guestDirectory: string): Promise<string> {
  const inputs = sharedInputs(compiler, guestDirectory);
  const library =
    libraries.get(inputs) ?? cachedLibrary(inputs, (archive) => compileLibrary(compiler, guestDirectory, archive));
  libraries.set(inputs, library);
  return library;
}

/**
 * The library is compiled apart from the program, so that the program's options do not change it, and in its own directory,
 * so that the debug information of an image does not depend on where `bd0 cc` ran.
 */
async function compileLibrary(compiler: Compiler, guestDirectory: string, archive: string): Promise<void> {
  const directory = resolve(guestDirectory, 'lib');
  const sources = readdirSync(directory).filter((file) => ['.c', '.S'].includes(extname(file)));
  const temporary = mkdtempSync(join(tmpdir(), 'bd0-'));
  try {
    const objects = sources.sort().map((source) => join(temporary, `${source}.o`));
    const options = compileOptionsOf(compiler, guestDirectory);
    await twoAtATime(sources, async (source, index) => {
      await runCompiler(compiler.command, [...options, '-c', source, '-o', objects[index]!], directory);
    });
    await runCompiler(compiler.archiver, ['rcsD', archive, ...objects]);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** A hash of everything but its source that decides a program's image. */
function sharedInputs(compiler: Compiler, guestDirectory: string): string {
  const files = ['include', 'lib'].flatMap((part) =>
    readdirSync(join(guestDirectory, part))
      .sort()
      .map((file) => join(guestDirectory, part, file)),
  );
  const contents = [...files, join(guestDirectory, 'bd0.ld')].map((file) => readFileSync(file));
  // The options name the directory, which debug information does, too.
  const command = [compiler.command, compiler.version, ...compileOptionsOf(compiler, guestDirectory), ...LINK_OPTIONS];
  return hashOf([JSON.stringify(command), ...contents]);
}

/** SHA-256 over the parts, each with its length before it. */
function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

/** The inputs that the last build recorded; none if it left no readable record. */
function readRecord(path: string): Record<string, unknown> {
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof record === 'object' && record !== null ? (record as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** What a command prints on stdout, trimmed; undefined if it is not there or fails. */
function answer(command: string, option: string): Promise<string | undefined> {
  return new Promise((done) => {
    execFile(command, [option], (error, stdout) => done(error === null ? stdout.trim() : undefined));
  });
}

/** Runs a command, and returns what it printed. */
export function runCompiler(command: string, commandArguments: readonly string[], directory?: string): Promise<string> {
  return new Promise((done, fail) => {
    const options = { cwd: directory, maxBuffer: Infinity };
    execFile(command, commandArguments, options, (error, stdout, stderr) => {
      if (error === null) return done(stdout + stderr);
      const how =
        typeof error.code === 'number'
          ? `failed with exit code ${error.code}`
          : `did not run: ${error.code ?? error.signal}`;
      fail(new GuestCompilerError(`${command} ${how}`, stdout + stderr));
    });
  });
}

/** Works on all items, on two at any time; the first failure is the failure of all, once both have come to rest. */
async function twoAtATime<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) await work(item, index);
  };
  const outcomes = await Promise.allSettled([worker(), worker()]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
