/** `bd0 cc`: every guest program becomes an image that the kernel's loader can map, with gcc and with clang. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { cacheDirectory } from '../../src/host/cache-directory.js';
import { cachedLibrary } from '../../src/host/toolchain/library-cache.js';
import {
  buildAllGuests,
  compileGuest,
  GuestCompilerError,
  guestPrograms,
  packagedGuestDirectory,
} from '../../src/host/toolchain/guest-compiler.js';

// System V ABI, "ELF Header", "Program Header" and "Dynamic Section".
const ET_EXEC = 2;
const ET_DYN = 3;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;
const DT_RELA = 7;
const DT_RELASZ = 8;
const R_X86_64_RELATIVE = 8;

interface Segment {
  type: number;
  flags: number;
  offset: number;
  address: number;
  fileSize: number;
  memorySize: number;
}

/** As much of an image as these tests look at. */
function readImage(path: string): { type: number; segments: Segment[]; relocationTypes: Set<number> } {
  const bytes = readFileSync(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const long = (at: number): number => Number(view.getBigUint64(at, true));
  const segments = Array.from({ length: view.getUint16(0x38, true) }, (_, i) => {
    const at = long(0x20) + i * view.getUint16(0x36, true);
    return {
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: long(at + 8),
      address: long(at + 16),
      fileSize: long(at + 32),
      memorySize: long(at + 40),
    };
  });
  const dynamic = new Map<number, number>();
  for (const { offset, fileSize } of segments.filter(({ type }) => type === PT_DYNAMIC))
    for (let at = offset; at < offset + fileSize; at += 16) dynamic.set(long(at), long(at + 8));
  const relocationTypes = new Set<number>();
  // The tables lie in the first segment, where file offsets are addresses.
  const table = dynamic.get(DT_RELA) ?? 0;
  for (let at = table; at < table + (dynamic.get(DT_RELASZ) ?? 0); at += 24)
    relocationTypes.add(view.getUint32(at + 8, true));
  return { type: view.getUint16(0x10, true), segments, relocationTypes };
}

function isThere(compiler: string): boolean {
  try {
    execFileSync(compiler, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const temporary = mkdtempSync(join(tmpdir(), 'bd0-test-'));
t.teardown(() => rmSync(temporary, { recursive: true, force: true }));

/** Writes a source into the temporary directory. */
function source(name: string, text: string): string {
  const path = join(temporary, name);
  writeFileSync(path, text);
  return path;
}

const benchGuestDirectory = fileURLToPath(new URL('../../../bench/guests', import.meta.url));

for (const compiler of ['gcc', 'clang']) {
  t.test(`every program compiled by ${compiler} is a static PIE`, { skip: !isThere(compiler) }, async (t) => {
    for (const programDirectory of [packagedGuestDirectory, benchGuestDirectory]) {
      const outDirectory = join(
        temporary,
        `${compiler}-${programDirectory === benchGuestDirectory ? 'bench' : 'guest'}`,
      );
      const names = await buildAllGuests(outDirectory, { programDirectory, compiler });
      t.same(
        names,
        guestPrograms(programDirectory).map(({ name }) => name),
        'all are compiled',
      );
      for (const name of names) {
        const { type, segments, relocationTypes } = readImage(join(outDirectory, name));
        const loads = segments.filter((segment) => segment.type === PT_LOAD);
        t.equal(type, ET_DYN, `${name} is ET_DYN`);
        t.notOk(
          segments.some((segment) => segment.type === PT_INTERP),
          `${name} needs no interpreter`,
        );
        t.same(
          loads.map(({ flags }) => flags),
          [PF_R, PF_R | PF_X, PF_R | PF_W],
          `${name} has segments R, RX and RW`,
        );
        t.ok(
          loads.every(({ offset, address }) => offset % 4096 === 0 && address % 4096 === 0),
          `${name} has each on pages of its own`,
        );
        t.strictSame(loads[0] && [loads[0].offset, loads[0].address], [0, 0], `${name} starts with its headers`);
        relocationTypes.delete(R_X86_64_RELATIVE);
        t.equal(relocationTypes.size, 0, `${name} has relative relocations only`);
      }
      t.same(await buildAllGuests(outDirectory, { programDirectory, compiler }), [], 'nothing is compiled twice');
    }
  });
}

t.test('what makes a program out of date', async (t) => {
  const guestDirectory = join(temporary, 'out-of-date');
  const programDirectory = join(temporary, 'programs');
  const outDirectory = join(temporary, 'images');
  for (const part of ['include', 'lib', 'bd0.ld'])
    cpSync(join(packagedGuestDirectory, part), join(guestDirectory, part), { recursive: true });
  cpSync(packagedGuestDirectory, programDirectory, {
    recursive: true,
    filter: (path) => path === packagedGuestDirectory || /(echo|fib)\.c$/.test(path),
  });
  const build = (): Promise<string[]> => buildAllGuests(outDirectory, { guestDirectory, programDirectory });

  t.same(await build(), ['echo', 'fib'], 'an image that is not there');
  copyFileSync(join(programDirectory, 'fib.c'), join(programDirectory, 'again.c'));
  t.same(await build(), ['again'], 'a program that is new');
  rmSync(join(outDirectory, 'echo'));
  t.same(await build(), ['echo'], 'an image that was removed');
  writeFileSync(join(programDirectory, 'fib.c'), '#include <stdio.h>\nint main(void) { return puts("fib") < 0; }\n');
  t.same(await build(), ['fib'], 'a source that was changed');
  const header = join(guestDirectory, 'include/stdio.h');
  writeFileSync(header, `${readFileSync(header, 'utf8')}\n`);
  t.same(await build(), ['again', 'echo', 'fib'], 'a header that was changed');
});

t.test('a compilation', async (t) => {
  const program = source('program.c', '#include <bd0.h>\nint main(void) { return NUMBER; }\n');
  const output = join(temporary, 'program');

  t.test('passes options on, and writes an executable file', async (t) => {
    t.equal(await compileGuest({ sources: [program], output, compilerOptions: ['-DNUMBER=7'] }), '');
    t.equal(readImage(output).type, ET_DYN);
    t.equal(statSync(output).mode & 0o111, 0o111);
  });
  t.test('gives the same bytes each time', async (t) => {
    const again = join(temporary, 'again');
    await compileGuest({ sources: [program], output: again, compilerOptions: ['-DNUMBER=7'] });
    t.ok(readFileSync(output).equals(readFileSync(again)));
  });
  t.test('takes assembly, which includes bd0.h too', async (t) => {
    const assembly = source('exit.S', '#include <bd0.h>\n .globl main\nmain:\n mov $BD0_CALL_EXIT, %eax\n vmcall\n');
    await compileGuest({ sources: [assembly], output });
    t.equal(readImage(output).type, ET_DYN);
  });
  t.test('links at a fixed address with -no-pie', async (t) => {
    const compilerOptions = ['-DNUMBER=7', '-no-pie', '-Wl,-Ttext-segment=0x400000'];
    await compileGuest({ sources: [program], output, compilerOptions });
    const { type, segments } = readImage(output);
    t.equal(type, ET_EXEC);
    t.equal(segments.find((segment) => segment.type === PT_LOAD)?.address, 0x400000);
  });
  t.test('stops before linking with -c, and links objects', async (t) => {
    const object = join(temporary, 'program.o');
    await compileGuest({ sources: [program], output: object, compilerOptions: ['-c', '-DNUMBER=7'] });
    await compileGuest({ sources: [object], output });
    t.equal(readImage(output).type, ET_DYN);
  });
  t.test('answers warnings', async (t) => {
    const warned = source('warned.c', '#warning look here\nint main(void) { return 0; }\n');
    t.match(await compileGuest({ sources: [warned], output }), /look here/);
  });
  t.test('knows that BD0 is not Linux', async (t) => {
    const text =
      '#if defined __linux__ || defined linux || defined __unix__ || !defined __bd0__\n#error wrong\n#endif\n';
    const target = source('target.c', `${text}int main(void) { return 0; }\n`);
    t.equal(await compileGuest({ sources: [target], output }), '');
  });
});

t.test('a failure is one line, with what the compiler printed beside it', async (t) => {
  const output = join(temporary, 'failed');
  const failure = async (name: string, text: string, compiler?: string): Promise<GuestCompilerError> => {
    const sources = [source(name, text)];
    try {
      await compileGuest({ sources, output, ...(compiler === undefined ? {} : { compiler }) });
    } catch (error) {
      if (error instanceof GuestCompilerError) return error;
      throw error;
    }
    throw new Error(`${name} compiled`);
  };

  const refused = await failure('refused.c', 'int main(void) { return nothing; }\n');
  t.match(refused.message, /^\S+ failed with exit code 1$/);
  t.match(refused.diagnostics, /refused\.c:1.*nothing/s);
  t.match((await failure('endless.c', 'int main(void) { }\n')).diagnostics, /Werror.*return-type/);
  t.match((await failure('hosted.c', '#include <unistd.h>\n')).diagnostics, /unistd\.h/);
  const missing = await failure('any.c', '', 'no-such-compiler');
  t.match(missing.message, /^no C compiler .*no-such-compiler.*apt install gcc/);
});

t.test('-l of a library of the host is refused in one line; what BD0 has itself is accepted', async (t) => {
  const sources = [source('library.c', 'int main(void) { return 0; }\n')];
  const output = join(temporary, 'library');
  const cases: [words: string[], message: RegExp][] = [
    [['-lm'], /^-lm: a library of the host does not run on BD0; BD0 has no math\.h yet$/],
    [['-l', 'm'], /^-lm: /],
    [['-lz'], /^-lz: [^\n]*compile the sources of z with bd0 cc[^\n]*$/],
  ];
  for (const [compilerOptions, message] of cases)
    await t.rejects(compileGuest({ sources, output, compilerOptions }), { name: 'GuestCompilerError', message });
  t.equal(await compileGuest({ sources, output, compilerOptions: ['-lpthread', '-lc', '-l', 'gcc'] }), '');
});

t.test(
  'the library cache: made once, made again when it is damaged, elsewhere where it cannot be written',
  async (t) => {
    const cache = join(temporary, 'not', 'there', 'yet');
    let made = 0;
    const make = async (archive: string): Promise<void> => {
      made++;
      await new Promise((done) => setTimeout(done, 1));
      writeFileSync(archive, 'an archive');
    };
    const paths = await Promise.all([1, 2, 3, 4].map(() => cachedLibrary('inputs', make, cache)));
    t.equal(new Set(paths).size, 1, 'builds at the same time end up with one archive');
    t.strictSame(readdirSync(cache), ['library-inputs'], 'and leave nothing else');
    made = 0;
    t.equal(await cachedLibrary('inputs', make, cache), paths[0]);
    t.equal(made, 0);
    writeFileSync(paths[0]!, 'an arch');
    t.equal(await cachedLibrary('inputs', make, cache), paths[0]);
    rmSync(join(cache, 'library-inputs', 'sha256'));
    await cachedLibrary('inputs', make, cache);
    t.equal(made, 2, 'a damaged one is made again');
    t.equal(readFileSync(paths[0]!, 'utf8'), 'an archive');
    const elsewhere = await cachedLibrary('inputs', make, join(paths[0]!, 'below a file'));
    t.equal(readFileSync(elsewhere, 'utf8'), 'an archive');
    const failing = async (): Promise<void> => Promise.reject(new Error('no compiler'));
    await t.rejects(cachedLibrary('others', failing, cache), /no compiler/);
    t.strictSame(readdirSync(cache), ['library-inputs'], 'a failure leaves nothing');
    t.equal(cacheDirectory({ XDG_CACHE_HOME: '/caches' }), '/caches/bd0');
    t.match(cacheDirectory({ XDG_CACHE_HOME: 'not/absolute' }), /^\/.*\/\.cache\/bd0$/);
    t.match(cacheDirectory({}), /^\/.*\/\.cache\/bd0$/);
  },
);

t.test('a cache that cannot be written, or is full, does not keep bd0 cc from compiling', async (t) => {
  const write = async (archive: string): Promise<void> => writeFileSync(archive, 'archive');
  // Where nothing can be made, /proc says ENOENT, and mkdir of Node with `recursive` never returns.
  const unwritable = await cachedLibrary('x', write, '/proc/none/bd0');
  t.equal(readFileSync(unwritable, 'utf8'), 'archive');
  const cache = join(temporary, 'full');
  const full = await cachedLibrary(
    'x',
    (archive) => (archive.startsWith(cache) ? Promise.reject(new Error('no space left on device')) : write(archive)),
    cache,
  );
  t.equal(readFileSync(full, 'utf8'), 'archive');
  t.strictSame(readdirSync(cache), [], 'nothing is left in the cache');
  await t.rejects(
    cachedLibrary('x', () => Promise.reject(new Error('an error in a source')), cache),
    { message: 'an error in a source' },
  );
});
