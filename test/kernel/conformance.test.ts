/**
 * Conformance programs, one a kernel-call, on every engine: guest/tests. The errors that a call answered while its program
 * ran are those that its page in docs/kernel-calls and its comment in bd0.h list, no more and no less.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Computer, Errno, MemoryNames, errnoName, type KernelHooks, type NameSpace } from '../../src/index.js';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import { HEADER_BYTES } from '../../src/kernel/program/header-page.js';
import type { VmoStore } from '../../src/vmo/store.js';
import { NOTHING_YET, ScriptedConsole, compiled, sha256, type InputPiece } from '../support/guest-programs.js';
import { ENGINES, type EngineOptions } from '../support/side-by-side.js';
import { seedOf, someOf } from '../support/volume.js';

const MIB = 2 ** 20;

const root = fileURLToPath(new URL('../../../', import.meta.url));
const directory = `${root}guest/tests/`;
const header = readFileSync(`${root}guest/include/bd0.h`, 'utf8');

const SEED = seedOf(1);

const EVERY_ENGINE: Readonly<Record<string, EngineOptions>> = {
  ...ENGINES,
  'translator at once': { engine: 'auto', translationThreshold: 0 },
};

/** The engines of a day and a program: the two that cost most run every third program each, on different days. */
const PAIRS: readonly (readonly (keyof typeof EVERY_ENGINE)[])[] = [
  ['evaluator', 'translator'],
  ['translator at once', 'interpreter'],
  ['interpreter', 'translator'],
];

/** Two engines for each program; all of them in long runs. */
function enginesOf(index: number): Readonly<Record<string, EngineOptions>> {
  const chosen = someOf(PAIRS, 1, SEED, index).flat();
  return Object.fromEntries(Object.entries(EVERY_ENGINE).filter(([name]) => chosen.includes(name)));
}

const names = readdirSync(directory)
  .filter((file) => file.endsWith('.c'))
  .map((file) => basename(file, '.c'))
  .sort();

t.setTimeout(0);

/** The lines of `NAME.input`, each of which arrives when all threads wait for it. */
function inputOf(name: string): InputPiece[] {
  const path = `${directory}${name}.input`;
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'latin1').match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return lines.flatMap((line) => [NOTHING_YET, Buffer.from(line, 'latin1')] as const);
}

/** What a program did. */
interface Conformance {
  readonly output: string;
  readonly exitCode: number;
  /** By the name of a call. */
  readonly errors: ReadonlyMap<string, ReadonlySet<string>>;
  readonly machineHash: string;
}

/** Runs a program that finds the programs that its source mentions by their names. */
function run(name: string, images: ReadonlyMap<string, Uint8Array>, engine: EngineOptions): Conformance {
  const errors = new Map<string, Set<string>>();
  const onKernelCall: KernelHooks['onKernelCall'] = ({ name: call, result }) => {
    if (typeof result !== 'bigint') return;
    const signed = BigInt.asIntN(64, result);
    if (signed >= -4095n && signed < 0n) errorsOf(errors, String(call)).add(errnoName(Number(-signed)));
  };
  const console = new ScriptedConsole(inputOf(name));
  const publishAll = (store: VmoStore): NameSpace => {
    const space = new MemoryNames(store);
    for (const [image, bytes] of images) if (mentions(name, image)) publish(store, space, image, bytes);
    return space;
  };
  const computer = new Computer({
    ...engine,
    memoryBytes: 64 * MIB,
    console,
    sha256,
    names: publishAll,
    hooks: { onKernelCall },
  });
  const process = computer.start(images.get(name)!, { name, limitBytes: 1024 * MIB });
  for (;;) {
    const outcome = computer.run(process);
    if (outcome.kind === 'exited') {
      const output = console.output.toString('utf8');
      return { output, exitCode: outcome.exitCode, errors, machineHash: computer.machineHash() };
    }
    if (outcome.kind !== 'waiting') throw new Error(`${name} ended as ${outcome.kind}: ${console.output.toString()}`);
    if (outcome.until < Infinity) computer.passTime(outcome.until);
    else console.inputArrives();
  }
}

function mentions(name: string, image: string): boolean {
  return name === image || readFileSync(`${directory}${name}.c`, 'utf8').includes(`"${image}"`);
}

function publish(store: VmoStore, space: NameSpace, name: string, bytes: Uint8Array): void {
  const vmo = store.fromBytes(bytes);
  space.publish(name, vmo, undefined);
  vmo.close();
}

function errorsOf(errors: Map<string, Set<string>>, call: string): Set<string> {
  let found = errors.get(call);
  if (!found) errors.set(call, (found = new Set()));
  return found;
}

/** The errors that a page lists, ascending. */
function errorsOfPage(name: string): string[] {
  const page = readFileSync(`${root}docs/kernel-calls/${name}.md`, 'utf8');
  const section = /^## ERRORS\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(page)![1]!;
  return [...section.matchAll(/^- `(E[A-Z0-9]+)`/gm)].map(([, error]) => error!).sort();
}

/** The errors with which the comment before a prototype in bd0.h ends, ascending. */
function errorsOfHeader(name: string): string[] {
  const comment = new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\n[^\\n]*\\bbd0_${name}\\(`).exec(header)![1]!;
  return (/((?:\s+E[A-Z0-9]+)*)\s*$/.exec(comment)![1]!.match(/\S+/g) ?? []).sort();
}

/** Prints all fields of its header page, as bd0.h declares them, and what C knows of them. */
const HEADER_PROGRAM = `
  #include <bd0.h>
  #include <stdio.h>
  static void hex(const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) printf("%02x", (unsigned char)bytes[i]);
    putchar('\\n');
  }
  int main(int argc, char **argv) {
    const struct bd0_header before = *(const struct bd0_header *)bd0_process_start(BD0_SELF), *header = &before;
    printf("%u %u %zu\\n", header->version, header->header_size, sizeof *header);
    printf("%lu %lu %lu %lu\\n", header->pid, header->parent, header->start, header->size);
    printf("%lu %lu\\n", header->entry, header->image_base);
    printf("%lu %lu\\n", header->heap.heap_pointer, header->heap.stack_floor);
    printf("%lu %d\\n", header->argc - argc, header->argv == (uint64_t)argv);
    hex(header->magic, sizeof header->magic);
    hex((const char *)header->image_id, sizeof header->image_id);
    hex(header->name, sizeof header->name);
    return 0;
  }`;

t.test('the header page is laid out as bd0.h says', async (t) => {
  const source = `${t.testdir()}/header.c`;
  writeFileSync(source, HEADER_PROGRAM);
  const console = new ScriptedConsole([]);
  const computer = new Computer({ memoryBytes: 64 * MIB, console, sha256 });
  const [name, limitBytes] = ['the header', 64 * MIB];
  const process = computer.start(await compiled(source), { name, limitBytes, argv: ['a', 'b', 'c'] });
  const { pid, start, entry, imageId } = process;
  const imageBase = start + 4096n;
  const stackFloor = start + BigInt(limitBytes - limitBytes / 4);
  t.match(computer.run(process), { kind: 'exited', exitCode: 0 });
  const lines = console.output.toString().trimEnd().split('\n');
  const heap = BigInt(lines[3]!.split(' ')[0]!);
  t.ok(heap > imageBase && heap < stackFloor, 'the heap begins behind the image');
  const hex = (text: string, length: number): string => Buffer.from(text.padEnd(length, '\0')).toString('hex');
  t.strictSame(lines, [
    `1 ${HEADER_BYTES} ${HEADER_BYTES}`,
    `${pid} 0 ${start} ${limitBytes}`,
    `${entry} ${imageBase}`,
    `${heap} ${stackFloor}`,
    '0 1',
    hex('BD0PROC', 8),
    imageId,
    hex(name, 64),
  ]);
});

t.test('each call has a program, and each program belongs to a call', (t) => {
  const calls = KERNEL_CALLS.map(({ name }) => name);
  t.same(names, [...calls].sort());
  t.end();
});

t.test('pages and bd0.h list the same errors', (t) => {
  for (const { name } of KERNEL_CALLS) {
    t.same(errorsOfPage(name), errorsOfHeader(name), name);
    for (const error of errorsOfPage(name)) t.ok(error in Errno, `${name}: ${error} is an error`);
  }
  t.end();
});

t.test('every program passes on every engine and provokes exactly the errors that its page lists', async (t) => {
  const images = new Map<string, Uint8Array>();
  for (const name of names) images.set(name, await compiled(`${directory}${name}.c`));
  for (const [index, name] of names.entries()) {
    const hashes = new Set<string>();
    for (const [engine, options] of Object.entries(enginesOf(index))) {
      const { output, exitCode, errors, machineHash } = run(name, images, options);
      t.match(output, /(?:^|\n)[1-9]\d* passed\n$/, `${name}, ${engine}: ${output}`);
      t.notMatch(output, /(?:^|\n)\d+ of \d+ failed\n/, `${name}, ${engine}`);
      t.equal(exitCode, 0, `${name}, ${engine}: exit code`);
      t.same([...(errors.get(name) ?? [])].sort(), errorsOfPage(name), `${name}, ${engine}: errors provoked`);
      hashes.add(machineHash);
    }
    t.equal(hashes.size, 1, `${name}: all engines leave the same machine`);
  }
});
