/** The guest programs, compiled for BD0 and for Linux from the same source, and run here and there. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { contentsOf, keptFile, sourceParts } from './kept-files.js';
import { sha256 } from '../../src/host/sha256.js';
import { compileGuest, guestPrograms } from '../../src/host/toolchain/guest-compiler.js';
import {
  Computer,
  MemoryNames,
  type ComputerOptions,
  type Console,
  type MakeNameSpace,
  type Outcome,
  type Statistics,
} from '../../src/index.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const root = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * C sources by name: the programs that come with bd0, the benchmarks, and those that exist to be compared. What has more
 * than one source does not run on Linux.
 */
const sources = new Map(
  ['guest', 'guest/test', 'bench/guests']
    .flatMap((directory) => guestPrograms(join(root, directory)))
    .flatMap(({ name, sources }) => (sources.length === 1 ? [[name, sources[0]!] as const] : [])),
);

/** The names of all programs, ascending. */
export const programNames: readonly string[] = [...sources.keys()].sort();

const directory = mkdtempSync(join(tmpdir(), 'bd0-programs-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

/** How a guest program is compiled, where it is not as `bd0 cc` does by itself. */
export interface Build {
  readonly compiler?: string;
  readonly compilerOptions?: readonly string[];
}

const images = new Map<string, Promise<string>>();
const natives = new Map<string, Promise<string>>();

function sourceOf(name: string): string {
  const source = sources.get(name);
  if (source === undefined) throw new Error(`there is no guest program ${name}`);
  return source;
}

const versions = new Map<string, string>();

function versionOf(compiler: string): string {
  const known = versions.get(compiler) ?? execFileSync(compiler, ['--version'], { encoding: 'utf8' });
  versions.set(compiler, known);
  return known;
}

/** All that decides an image besides its own sources and options: the compiler, `bd0 cc`, the headers and the library. */
const partsOf = (compiler: string): (string | Uint8Array)[] => [versionOf(compiler), ...shared()];

let sharedParts: (string | Uint8Array)[] | undefined;

function shared(): (string | Uint8Array)[] {
  sharedParts ??= [
    ...['guest/include', 'guest/lib', 'dist/src/host/toolchain'].flatMap((part) => contentsOf(join(root, part))),
    readFileSync(join(root, 'guest/bd0.ld')),
  ];
  return sharedParts;
}

/** The image of a program, compiled once. */
export function guestImage(name: string, build: Build = {}): Promise<Uint8Array> {
  return compiled(sourceOf(name), build);
}

/** The image of a C file, compiled once. */
export async function compiled(source: string, build: Build = {}): Promise<Uint8Array> {
  return new Uint8Array(readFileSync(await compiledFile([source], build)));
}

/** Puts the image of a C file, compiled once, at a path. */
export async function compileTo(path: string, source: string, build: Build = {}): Promise<void> {
  copyFileSync(await compiledFile([source], build), path);
}

/** The path of the image of C files, compiled once. The sources are not made anew for each run, so that their paths stay. */
export function compiledFile(sources: readonly string[], build: Build = {}): Promise<string> {
  const key = JSON.stringify([sources, build]);
  const known = images.get(key);
  if (known) return known;
  const parts = [...partsOf(build.compiler ?? 'gcc'), key, ...sources.flatMap(sourceParts)];
  const make = (output: string): Promise<unknown> => compileGuest({ sources, output, ...build });
  const image = keptFile(basename(sources[0]!, '.c'), parts, make);
  images.set(key, image);
  return image;
}

/** The path of a program compiled for Linux by gcc -O2, once. */
function nativeProgram(name: string): Promise<string> {
  const known = natives.get(name);
  if (known) return known;
  const source = sourceOf(name);
  const parts = [versionOf('gcc'), ...sourceParts(source)];
  const make = (output: string): Promise<unknown> => promisify(execFile)('gcc', ['-O2', source, '-o', output]);
  const program = keptFile(`${name}.native`, parts, make);
  natives.set(name, program);
  return program;
}

/** What a program did. */
export interface Run {
  /** stdout and stderr in the order of the calls: BD0 has one console. */
  readonly output: Buffer;
  readonly exitCode: number;
}

const nativeRuns = new Map<string, Run>();

/** Runs the native build of a program, once with the same arguments and input. */
export async function runNative(
  name: string,
  args: readonly string[] = [],
  input: Uint8Array = new Uint8Array(),
): Promise<Run> {
  const key = JSON.stringify([name, args, Buffer.from(sha256(input)).toString('hex')]);
  const known = nativeRuns.get(key);
  if (known) return known;
  const ran = runNatively(name, await nativeProgram(name), args, input);
  nativeRuns.set(key, ran);
  return ran;
}

function runNatively(name: string, path: string, args: readonly string[], input: Uint8Array): Run {
  const [inputFile, outputFile] = ['input', 'output'].map((end) => join(directory, `${name}.${end}`)) as [
    string,
    string,
  ];
  writeFileSync(inputFile, input);
  // Files: a pipe would break where the program does not read its input, and part stderr from stdout.
  const [inputEnd, outputEnd] = [openSync(inputFile, 'r'), openSync(outputFile, 'w')];
  try {
    const { status, signal, error } = spawnSync(path, [...args], { stdio: [inputEnd, outputEnd, outputEnd] });
    if (error) throw error;
    if (status === null) throw new Error(`${name} was killed by ${signal} on Linux`);
    return { output: readFileSync(outputFile), exitCode: status };
  } finally {
    closeSync(inputEnd);
    closeSync(outputEnd);
  }
}

/** Stands between two pieces of input: what follows is not there before `inputArrives`. */
export const NOTHING_YET = 'nothing yet';

export type InputPiece = Uint8Array | typeof NOTHING_YET;

/** A console whose input comes in pieces, and that keeps what is written, or the start of it. */
export class ScriptedConsole implements Console {
  private written: Uint8Array[] = [];
  private writtenBytes = 0;
  private pieces: InputPiece[] = [];

  constructor(
    input: readonly InputPiece[] = [],
    private readonly keptBytesMax = Infinity,
  ) {
    this.restart(input);
  }

  /** Forgets what was written and what was to be read. */
  restart(input: readonly InputPiece[]): void {
    this.written = [];
    this.writtenBytes = 0;
    this.pieces = input.filter((piece) => piece.length > 0);
  }

  get output(): Buffer {
    return Buffer.concat(this.written);
  }

  write(bytes: Uint8Array): void {
    this.writtenBytes += bytes.length;
    if (this.writtenBytes <= this.keptBytesMax) this.written.push(bytes);
  }

  read(max: number): Uint8Array | 'end' | undefined {
    const piece = this.pieces[0];
    if (piece === undefined) return 'end';
    if (piece === NOTHING_YET) return undefined;
    this.pieces.shift();
    if (piece.length > max) this.pieces.unshift(piece.subarray(max));
    return piece.subarray(0, max);
  }

  /** Ends the pause that a program waits in. */
  inputArrives(): void {
    if (this.pieces[0] === NOTHING_YET) this.pieces.shift();
  }
}

/** How a guest program is run. */
export interface GuestOptions extends Omit<ComputerOptions, 'console'> {
  readonly args?: readonly string[];
  readonly input?: readonly InputPiece[];
  /** Of its region; 1 GiB if not given. */
  readonly limitBytes?: number;
  /** Whether its first thread is in debug mode. */
  readonly debugMode?: boolean;
  /** Ticks between two looks; the run is in one go if not given. */
  readonly sliceTicks?: number;
  /** Told of the machine after each slice. */
  readonly onSlice?: (computer: Computer) => void;
}

/** What a program did on BD0. */
export interface GuestRun extends Run {
  readonly statistics: Statistics;
  /** How often all threads waited for input. */
  readonly waits: number;
  readonly computer: Computer;
}

/** Makes names of images: with these programs find each other. */
export function namesOf(images: ReadonlyMap<string, Uint8Array>): MakeNameSpace {
  return (store) => {
    const names = new MemoryNames(store);
    for (const [name, bytes] of images) {
      const vmo = store.fromBytes(bytes);
      names.publish(name, vmo, undefined);
      vmo.close();
    }
    return names;
  };
}

/** SHA-256 by the host, which is faster than the portable one and gives the same. */
export { sha256 };

/** Runs a program to its end. Throws where it does not exit. */
export async function runGuest(image: Promise<Uint8Array>, options: GuestOptions = {}): Promise<GuestRun> {
  const { args = [], input, limitBytes = GIB, debugMode = false, sliceTicks = Infinity, onSlice, ...machine } = options;
  const console = new ScriptedConsole(input);
  const computer = new Computer({ memoryBytes: 64 * MIB, sha256, ...machine, console });
  const process = computer.start(await image, { name: 'guest', limitBytes, debugMode, argv: ['guest', ...args] });
  let waits = 0;
  let outcome: Outcome;
  do {
    outcome = computer.run(process, { maxTicks: sliceTicks });
    onSlice?.(computer);
    if (outcome.kind !== 'waiting') continue;
    waits++;
    console.inputArrives();
  } while (outcome.kind !== 'exited' && outcome.kind !== 'trapped');
  if (outcome.kind === 'trapped')
    throw new Error(`the guest trapped: ${JSON.stringify(outcome.report, bigintsAsText)}`);
  return { output: console.output, exitCode: outcome.exitCode, statistics: computer.statistics, waits, computer };
}

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `0x${value.toString(16)}` : value;
}

/** True where a compiler can be run on this machine. */
export function isInstalled(compiler: string): boolean {
  try {
    execFileSync(compiler, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Throws an error that says what to install unless a command can be run on this machine. */
export function requireCommand(command: string, debianPackage: string): void {
  if (!isInstalled(command)) throw new Error(`these tests need ${command}: apt-get install ${debianPackage}`);
}

/** Where two outputs first differ, in a line; undefined where they are the same. */
export function firstDifference(actual: Uint8Array, expected: Uint8Array): string | undefined {
  const length = Math.max(actual.length, expected.length);
  for (let at = 0; at < length; at++) {
    if (actual[at] === expected[at]) continue;
    const around = (bytes: Uint8Array): string =>
      JSON.stringify(Buffer.from(bytes.subarray(Math.max(0, at - 30), at + 30)).toString('latin1'));
    return `byte ${at} of ${actual.length}, native ${expected.length}: ${around(actual)}, native ${around(expected)}`;
  }
  return undefined;
}
