/**
 * What guest programs find in their library besides what Linux has too: C++ without its library, output that stays
 * together, the message ring, and the programs of docs/writing-programs.md.
 */
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { compileGuest, guestPrograms } from '../src/host/toolchain/guest-compiler.js';
import { Computer } from '../src/index.js';
import {
  ScriptedConsole,
  compiled,
  firstDifference,
  guestImage,
  isInstalled,
  namesOf,
  runNative,
  sha256,
} from './support/guest-programs.js';
import { ENGINES, type EngineOptions } from './support/side-by-side.js';
import { seedOf, volume } from './support/volume.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const root = fileURLToPath(new URL('../../', import.meta.url));
const directory = t.testdir();

t.setTimeout(0);

type Images = ReadonlyMap<string, Uint8Array>;

/** Runs one of several programs, which find each other by name. */
function run(name: string, images: Images, args: readonly string[] = [], engine: EngineOptions = ENGINES.translator) {
  const console = new ScriptedConsole();
  const computer = new Computer({ ...engine, memoryBytes: 64 * MIB, console, sha256, names: namesOf(images) });
  const process = computer.start(images.get(name)!, { name, limitBytes: GIB, argv: [name, ...args] });
  const outcome = computer.run(process);
  if (outcome.kind !== 'exited') throw new Error(`${name} ended as ${outcome.kind}: ${console.output.toString()}`);
  return {
    output: console.output.toString('latin1'),
    exitCode: outcome.exitCode,
    machineHash: computer.machineHash(),
    switches: computer.statistics.switches,
  };
}

/** The image of a program that is given as text. */
async function compiledText(file: string, text: string): Promise<Uint8Array> {
  const path = join(directory, file);
  writeFileSync(path, text);
  return compiled(path, { compilerOptions: ['-Wall', '-Wextra', '-Werror'] });
}

const LINES = `
#include <stdio.h>
#include <threads.h>

enum { THREADS = 4, LINES = 1000 };

static int prints(void *argument) {
  unsigned long thread = (unsigned long)argument;
  for (int i = 0; i < LINES; i++) printf("%lu %04d %.200f %s\\n", thread, i, i / 8.0, "and so on");
  return 0;
}

int main(void) {
  thrd_t threads[THREADS];
  for (unsigned long i = 0; i < THREADS; i++) thrd_create(&threads[i], prints, (void *)i);
  for (int i = 0; i < THREADS; i++) thrd_join(threads[i], NULL);
  return 0;
}
`;

t.test('what a call prints stays together, whoever prints at the same time', async (t) => {
  const images = new Map([['lines', await compiledText('lines.c', LINES)]]);
  for (const engine of [ENGINES.interpreter, ENGINES.translator]) {
    const { output, switches } = run('lines', images, [], engine);
    const lines = output.split('\n');
    t.equal(lines.pop(), '');
    const next = Array.from({ length: 4 }, () => 0);
    const zeros = '0'.repeat(197);
    lines.forEach((line, index) => {
      const thread = Number(line[0]);
      const i = next[thread]!++;
      const expected = `${thread} ${String(i).padStart(4, '0')} ${(i / 8).toFixed(3)}${zeros} and so on`;
      if (line !== expected) t.equal(line, expected, `line ${index}`);
    });
    t.same(next, [1000, 1000, 1000, 1000]);
    t.ok(switches > 20, `${switches} times another thread had its turn, mostly in the midst of a line`);
  }
});

const OBJECTS = `
#include <bd0.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <new>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <threads.h>
#include <time.h>

struct Named {
  explicit Named(const char *name) : name(name) { printf("+%s\\n", name); }
  virtual ~Named() { printf("-%s\\n", name); }
  virtual int number() const = 0;
  const char *name;
};

struct Numbered : Named {
  Numbered(const char *name, int value) : Named(name), value(value) {}
  ~Numbered() override { printf("-%d\\n", value); }
  int number() const override { return value; }
  int value;
};

static Numbered before_main("static", 1);
static thread_local Numbered of_thread("thread", 2);

static Numbered &made_once() {
  static Numbered one("once", (thrd_yield(), 3));
  return one;
}

struct alignas(256) Wide {
  char bytes[256];
};

template <typename T> static T largest(T left, T right) { return left < right ? right : left; }

static int uses(void *) {
  return made_once().number() + (of_thread.value += 4);
}

int main() {
  thrd_t threads[3];
  int sum = 0, result;
  for (auto &thread : threads) thrd_create(&thread, uses, nullptr);
  for (auto &thread : threads) thrd_join(thread, &result), sum += result;
  Named *named = new Numbered("heap", 5);
  printf("%d %d %s\\n", sum, named->number(), largest("a", "b") == nullptr ? "" : "largest");
  delete named;
  auto *wide = new Wide[3];
  auto *place = new (wide) Wide{};
  printf("%d %d\\n", static_cast<int>(reinterpret_cast<uintptr_t>(wide) % 256), place == wide);
  delete[] wide;
  auto add = [sum](int more) { return sum + more; };
  int *huge = new (std::nothrow) int[size_t{1} << 55];
  printf("%d %d %s\\n", add(1), huge == nullptr, strerror(errno));
  assert(bd0_thread_self() == 1);
  return 7;
}
`;

t.test('C++: static and thread-local objects, virtual functions, new and delete', async (t) => {
  const images = new Map([['objects', await compiledText('objects.cc', OBJECTS)]]);
  const hashes = new Set<string>();
  for (const engine of Object.values(ENGINES)) {
    const { output, exitCode, machineHash } = run('objects', images, [], engine);
    const lines = output.split('\n').slice(0, -1);
    t.equal(lines[0], '+static');
    t.same(lines.filter((line) => line === '+once').length, 1, 'one thread makes it');
    t.equal(lines.filter((line) => line === '+thread').length, 3, 'each thread has its own');
    t.equal(lines.filter((line) => line === '-thread').length, 3, 'which goes with it');
    const end = ['27 5 largest', '-5', '-heap', '0 1', '28 1 Cannot allocate memory', '-3', '-once', '-1', '-static'];
    t.same(lines.slice(-end.length), end);
    t.equal(exitCode, 7);
    hashes.add(machineHash);
  }
  t.equal(hashes.size, 1, 'on every engine');
});

t.test('each header can be the first one, in C and in C++, twice, and whatever is warned of', async (t) => {
  const headers = readdirSync(join(root, 'guest/include')).sort();
  const units = headers.flatMap((header) => {
    const text = `#include <${header}>\n#include <${header}>\nint number;\n`;
    const files = header === 'new' ? ['header-new.cc'] : [`header-${header}.c`, `header-${header}.cc`];
    files.forEach((file) => writeFileSync(join(directory, file), text));
    return files.map((file) => join(directory, file));
  });
  t.ok(headers.length >= 13, headers.join(' '));
  const warnings = ['-Wall', '-Wextra', '-Werror', '-Wstrict-prototypes', '-Wundef'];
  for (const compiler of ['gcc', 'clang'].filter(isInstalled))
    for (const [ending, standards] of Object.entries({ '.c': ['c11', 'gnu17'], '.cc': ['c++11', 'gnu++20'] }))
      for (const standard of standards) {
        const sources = units.filter((unit) => unit.endsWith(ending));
        const options = ending === '.c' ? warnings : warnings.filter((one) => one !== '-Wstrict-prototypes');
        const compilerOptions = ['-fsyntax-only', ...options, `-std=${standard}`];
        t.equal(
          await compileGuest({ sources, output: 'none', compiler, compilerOptions }),
          '',
          `${compiler} ${standard}`,
        );
      }
});

t.test('C and C++ sources are linked together, without a warning', async (t) => {
  const path = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const sources = [
    path('part.c', 'int part(int x) { return x + 1; }\n'),
    path('whole.cpp', 'extern "C" int part(int x);\nint main() { return part(40); }\n'),
  ];
  for (const compiler of ['gcc', 'clang'].filter(isInstalled)) {
    const output = join(directory, `mixed-${compiler}`);
    t.equal(await compileGuest({ sources, output, compiler, compilerOptions: ['-Wall'] }), '', compiler);
    t.equal(run('mixed', new Map([['mixed', new Uint8Array(readFileSync(output))]])).exitCode, 41);
    const words = { sources: [], compilerOptions: [...sources, '-O1'] };
    t.equal(await compileGuest({ ...words, output, compiler }), '', `${compiler}, as words of a command`);
    t.equal(run('mixed', new Map([['mixed', new Uint8Array(readFileSync(output))]])).exitCode, 41);
  }
});

t.test('ring: messages between two processes arrive whole and in order', async (t) => {
  const { sources } = guestPrograms().find(({ name }) => name === 'ring')!;
  const output = join(directory, 'ring');
  t.equal(await compileGuest({ sources, output, compilerOptions: ['-Wall', '-Wextra'] }), '');
  const image = new Uint8Array(readFileSync(output));
  for (const args of [['300'], ['300', '8', '1'], ['300', '8', '2'], ['100', '1000', '64'], ['0']]) {
    const hashes = new Set<string>();
    for (const [engine, options] of Object.entries(ENGINES)) {
      const { output, exitCode, machineHash } = run('ring', new Map([['ring', image]]), args, options);
      const [first, second] = output.split('\n');
      t.equal(first, `${args[0]} messages of ${args[1] ?? '64'} bytes, 0 wrong`, `${args.join(' ')} on the ${engine}`);
      t.match(second, / ns a message, .* MB a second, by the machine's clock$/);
      t.equal(exitCode, 0);
      hashes.add(machineHash);
    }
    t.equal(hashes.size, 1);
  }
  const many = run('ring', new Map([['ring', image]]), ['200000']);
  t.match(many.output, /^200000 messages of 64 bytes, 0 wrong\n/);
});

t.test(
  'malloc and free on the cores of the host: no block has two owners, and what is given back is taken again',
  async (t) => {
    // What malloc.c needs of bd0.h, which malloc-stress.c provides.
    writeFileSync(
      join(directory, 'bd0.h'),
      '#include <stddef.h>\n#include <stdint.h>\nvoid *bd0_heap_alloc(size_t, size_t);\nint64_t bd0_yield(void);\n',
    );
    const functions = ['malloc', 'calloc', 'realloc', 'aligned_alloc', 'free', 'memalign', 'malloc_usable_size'];
    const renamed = functions.map((name) => `-D${name}=guest_${name}`);
    const [object, program] = ['malloc.o', 'malloc-stress'].map((file) => join(directory, file)) as [string, string];
    const gcc = (words: string[]): Promise<unknown> => promisify(execFile)('gcc', words);
    await gcc(['-O2', '-I', directory, ...renamed, '-c', join(root, 'guest/lib/malloc.c'), '-o', object]);
    await gcc(['-O2', '-pthread', join(root, 'test/support/malloc-stress.c'), object, '-o', program]);
    const { stdout } = await promisify(execFile)(program);
    t.match(stdout, /^0 torn, \d+ KiB\n$/);
    // 64 blocks wait at any time, eight are in hand, and none is larger than 4 KiB.
    t.ok(Number(/(\d+) KiB/.exec(stdout)![1]) < 4096, stdout);
  },
);

t.test('printf, scanf and strtod do what glibc does, on random formats and texts', async (t) => {
  const seed = String(Math.floor(Date.now() / 86_400_000));
  t.comment(`seed ${seed}`);
  const images = new Map([['formats', await guestImage('formats')]]);
  const native = await runNative('formats', ['100', seed]);
  const { output } = run('formats', images, ['100', seed]);
  t.equal(firstDifference(Buffer.from(output, 'latin1'), native.output), undefined);
});

const START = `
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

static int order[8], count;
static void before(void) { order[count++] = 1; }
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = before;
__attribute__((constructor)) static void last(void) { order[count++] = 4; }
__attribute__((constructor(200))) static void third(void) { order[count++] = 3; }
__attribute__((constructor(101))) static void second(void) { order[count++] = 2; }

/* A nested function whose address is taken needs a trampoline on an executable stack. */
static int apply(int (*function)(int), int to) {
  int sum = 0;
  for (int i = 0; i < to; i++) sum += function(i);
  return sum;
}

static int nested(void *factor) {
  volatile int k = *(int *)factor;
  int times(int x) { return x * k; }
  return apply(times, 10);
}

static jmp_buf place;
__attribute__((noinline)) static void jump(int value) { longjmp(place, value); }

static tss_t key;
static int rounds;
static void again(void *value) {
  rounds++;
  tss_set(key, value);
}
static int sets(void *value) { return tss_set(key, value) != thrd_success; }

static int overflows(void *length) {
  volatile char small[8];
  for (size_t i = 0; i < *(size_t *)length; i++) small[i] = 'x';
  return small[0];
}

int main(int argc, char **argv) {
  (void)argv;
  for (int i = 0; i < count; i++) printf("%d", order[i]);
  int factor = 3, result = 0;
  thrd_t thread;
  for (int i = 0; i < 2; i++) thrd_create(&thread, nested, &factor), thrd_join(thread, &result);
  printf(" %d %d", nested(&factor), result);
  volatile int seen = setjmp(place);
  printf(" %d", seen);
  if (seen < 2) jump(seen == 0 ? 0 : 2);
  tss_create(&key, again);
  thrd_create(&thread, sets, &factor), thrd_join(thread, NULL);
  printf(" %d", rounds);
  tss_t old = key;
  tss_delete(key), tss_create(&key, NULL);
  printf(" %d %d", tss_get(key) == NULL, tss_set(old, &factor) == thrd_error);
  char text[4];
  volatile int width = 0x7fffffff;
  printf(" %d %s\\n", snprintf(text, sizeof text, "a%*d", width, 1), text);
  size_t length = argc > 1 ? 100 : 8;
  thrd_create(&thread, overflows, &length), thrd_join(thread, NULL);
  return 0;
}
`;

t.test('what runs before main; nested functions, jumps, values of threads, and the stack protector', async (t) => {
  const path = join(directory, 'start.c');
  writeFileSync(path, START);
  const image = await compiled(path, { compilerOptions: ['-fstack-protector-all', '-Wl,-z,execstack'] });
  const images = new Map([['start', image]]);
  const hashes = new Set<string>();
  for (const engine of Object.values(ENGINES)) {
    const { output, exitCode, machineHash } = run('start', images, [], engine);
    t.equal(output, '1234 135 135 0 1 2 4 1 1 -1 a  \n');
    t.equal(exitCode, 0);
    hashes.add(machineHash);
  }
  t.equal(hashes.size, 1);
  const smashed = run('start', images, ['overflow']);
  t.match(smashed.output, /\*\*\* stack smashing detected \*\*\*: terminated\n$/);
  t.equal(smashed.exitCode, 134);
});

const PLACES = `
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

static const char *names[] = {"a", "bb"};
static const char *const constants[] = {"c", "dd"};
static int zeros[5000], data[] = {1, 2};
static _Thread_local int own = 7;
static _Thread_local char own_zeros[100];
static void *(*const take)(size_t) = malloc;
__attribute__((constructor)) static void construct(void) { data[0] = 42; }
static int thread(void *argument) { return own += *(int *)argument + own_zeros[99]++; }

int main(int argc, char **argv) {
  (void)argv;
  int ten = 10, sum = 0, result;
  for (int i = 0; i < 5000; i++) sum += zeros[i]++;
  int *block = take(100);
  block[24] = 5;
  thrd_t one;
  thrd_create(&one, thread, &ten), thrd_join(one, &result);
  printf("%s %s %d %d %d %d %d\\n", names[argc], constants[1], sum, data[0], own, result, block[24]);
  return data[1];
}
`;

t.test('a program does the same, whatever the linker is told of its layout', async (t) => {
  const [source, object, plain] = ['places.c', 'places.o', 'places.plain.o'].map((file) => join(directory, file));
  writeFileSync(source!, PLACES);
  await compileGuest({ sources: [source!], output: object!, compilerOptions: ['-c', '-fstack-protector-all'] });
  await compileGuest({ sources: [source!], output: plain!, compilerOptions: ['-c', '-flto', '-fno-pie', '-O0'] });
  const layouts = [
    ...['-Wl,-N', '-Wl,-n', '-no-pie -Wl,-N', '-Xlinker --omagic', '-static -Wl,--nmagic,-s'],
    ...['-no-pie', '-no-pie -Wl,-Ttext-segment=0x10000000', '-Wl,-z,noseparate-code'],
    ...['-Wl,-z,max-page-size=0x200000', '-Wl,-z,relro -Wl,-z,now'],
    ...['-Wl,--gc-sections', '-Wl,-z,pack-relative-relocs', '-Wl,-N -Wl,-z,pack-relative-relocs'],
  ];
  for (const layout of layouts) {
    const output = join(directory, 'places');
    const isFixed = /-no-pie|-N|-n\b|magic/.test(layout);
    const sources = [isFixed ? plain! : object!];
    await compileGuest({ sources, output, compilerOptions: [...layout.split(' '), '-Wl,--no-warn-rwx-segments'] });
    const images = new Map([['places', new Uint8Array(readFileSync(output))]]);
    t.match(run('places', images), { output: 'bb dd 0 42 7 17 5\n', exitCode: 2 }, layout);
  }
});

const LARGE = `
#include <malloc.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  char *large = malloc(560000000);
  large[0] = large[559999999] = 1;
  int more = 0;
  void *blocks[100];
  for (int i = 0; i < 100; i++) more += (blocks[i] = malloc(1000000)) != NULL;
  for (int i = 0; i < 100; i += 2) free(blocks[i]);
  for (int i = 1; i < 100; i += 2) free(blocks[i]);
  large = realloc(large, 650000000); /* over what was merged behind it */
  printf("%d %d %d\\n", more, large != NULL, malloc_usable_size(large) >= 650000000);
  free(large);
  char *small[1000];
  for (int i = 0; i < 1000; i++) small[i] = malloc(100);
  for (int i = 0; i < 1000; i++) free(small[i]);
  char *zeros = calloc(90, 1000);
  unsigned dirty = 0;
  for (size_t at = 0; at < 90000; at++) dirty += zeros[at] != 0;
  printf("%u\\n", dirty);
  return 0;
}
`;

t.test('malloc uses most of the region for blocks of any size, and merges what is free', async (t) => {
  const images = new Map([['large', await compiledText('large.c', LARGE)]]);
  t.equal(run('large', images).output, '100 1 1\n0\n');
});

t.test('malloc, calloc, realloc and aligned_alloc keep what a model of their blocks says', async (t) => {
  const image = await compiled(join(root, 'test/support/malloc-model.c'), {
    compilerOptions: ['-Wall', '-Wextra', '-Werror'],
  });
  const images = new Map([['malloc-model', image]]);
  const seed = seedOf(13);
  for (let i = 0; i < volume(1, 100); i++) {
    const { output } = run('malloc-model', images, [String(seed + i)]);
    const [rules, figures, growth] = output.split('\n');
    t.equal(rules, '0 overlap, 0 torn, 0 misaligned, 0 dirty, 0 too small, 0 failed', `seed ${seed + i}`);
    const [blocks, heap] = /^(\d+) bytes of blocks at most in a heap of (\d+)$/.exec(figures!)!.slice(1).map(Number);
    t.ok(
      heap! < 1.5 * blocks!,
      `the heap is ${(heap! / blocks!).toFixed(3)} times as large as the blocks at their most`,
    );
    t.equal(growth, 'grown by 0', 'what is given back merges');
  }
});

t.test('the library and programs run with the stack protector in every function', async (t) => {
  const library = join(root, 'guest/lib');
  // cxx.c is for C++ alone: it has the names of functions that C programs do not have.
  const sources = readdirSync(library).filter((file) => file.endsWith('.c') && file !== 'cxx.c');
  const objects = sources.map((file) => join(directory, `${file}.protected.o`));
  const compilerOptions = ['-fstack-protector-all'];
  for (const [index, file] of sources.entries())
    await compileGuest({
      sources: [join(library, file)],
      output: objects[index]!,
      compilerOptions: ['-c', ...compilerOptions],
    });
  for (const [name, ...args] of [['qsort', '2000'], ['heap_threads']] as const) {
    const [output, source] = [join(directory, `${name}.protected`), join(root, 'guest', `${name}.c`)];
    await compileGuest({ sources: [source, ...objects], output, compilerOptions });
    const images = new Map([
      ['plain', await guestImage(name)],
      ['protected', new Uint8Array(readFileSync(output))],
    ]);
    const [plain, guarded] = [run('plain', images, args), run('protected', images, args)];
    t.equal(guarded.output, plain.output, name);
    t.equal(guarded.exitCode, plain.exitCode);
    t.not(guarded.machineHash, plain.machineHash, 'it is another program');
  }
});

/** Blocks of the page, in their order: their language and their text. */
function blocksOf(page: string): { readonly language: string; readonly text: string }[] {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
    language: language!,
    text: text!,
  }));
}

t.test(
  'docs/writing-programs.md: every program compiles without a warning and prints the documented output',
  async (t) => {
    const blocks = blocksOf(readFileSync(join(root, 'docs/writing-programs.md'), 'utf8'));
    const images = new Map<string, Uint8Array>();
    const prints = new Map<string, string>();
    let last = '';
    for (const { language, text } of blocks) {
      const file = /^\/\* ((\w+)\.(?:c|cc)) \*\/\n/.exec(text);
      if (file) {
        images.set(file[2]!, await compiledText(file[1]!, text));
        // The program that was started by the one before it prints nothing.
        if (file[2] !== 'writer') last = file[2]!;
      }
      t.equal(file !== null, language === 'c' || language === 'cpp', 'what is C has a file name');
      if (language === 'text') prints.set(last, text);
    }
    t.same([...prints.keys()], ['hello', 'sum', 'caller', 'moment', 'shapes']);
    for (const [name, text] of prints) {
      const { output, exitCode } = run(name, images);
      t.equal(output, text, name);
      t.equal(exitCode, 0, name);
    }
  },
);
