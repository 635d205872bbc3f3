import t from 'tap';
import { Failure } from '../../src/cli/failure.js';
import { nearest } from '../../src/host/nearest.js';
import { readRunRequest } from '../../src/cli/run/run-options.js';
import { parseCount, parseSeconds, parseSize } from '../../src/cli/size.js';
import fc from '../support/fast-check.js';

const GB = 2 ** 30;

t.test('a SIZE is a number with an optional unit, in powers of 1024 and any case', async (t) => {
  const sizes: [text: string, bytes: number][] = [
    ['1', 1],
    ['4096', 4096],
    ['4096B', 4096],
    ['64KB', 65536],
    ['64kb', 65536],
    ['64KiB', 65536],
    ['64k', 65536],
    ['1.5GB', 1.5 * GB],
    ['32gb', 32 * GB],
    ['32 GB', 32 * GB],
    ['2TB', 2048 * GB],
    ['0.3KB', 308],
  ];
  for (const [text, bytes] of sizes) t.equal(parseSize(text, '--limit'), bytes, text);
});

t.test('what is no SIZE is refused with a message that names it', async (t) => {
  for (const text of ['', 'x', '-1', '1XB', '1e3', '1KBB', '0x10', '1,5GB', '.5GB', '1GB2', 'NaN', 'Infinity'])
    t.throws(
      () => parseSize(text, '--limit'),
      { name: 'Failure', message: `--limit '${text}' is not a size: write a number, or one with KB, MB, GB, TB or PB` },
      text,
    );
  t.throws(() => parseSize('0', '--limit'), /--limit 0 is too small: it must have at least 1 byte/);
  t.equal(parseSize('0', '--write-back', { least: 0 }), 0);
  t.throws(() => parseSize('0.0GB', '--limit'), /--limit 0.0GB is too small/);
  t.throws(() => parseSize('9007199254740993', '--limit'), /too large: it can have at most 9007199254740991 bytes/);
  t.throws(() => parseSize('8192TB', '--limit'), /too large: it can have at most 8191.99TB/);
  t.throws(() => parseSize('9'.repeat(400), '--limit'), /too large/);
});

t.test('a size out of range is refused in the units that the user wrote', async (t) => {
  const cases: [words: string[], message: string][] = [
    [['-m', '4GB'], '--memory 4GB is too large: guest memory can have at most 3.5GB'],
    [['-m', '4gib'], '--memory 4gib is too large: guest memory can have at most 3.5GB'],
    [['-m', '5000MB'], '--memory 5000MB is too large: guest memory can have at most 3584MB'],
    [['-m', '1TB'], '--memory 1TB is too large: guest memory can have at most 3.5GB'],
    [['-m', '4294967296'], '--memory 4294967296 is too large: guest memory can have at most 3758096384 bytes'],
    [['-m', '1'], '--memory 1 is too small: guest memory must have at least 4096 bytes'],
    [['-m', '0.001MB'], '--memory 0.001MB is too small: guest memory must have at least 4KB'],
    [['-L', '1PB'], '--limit 1PB is too large: a region can have at most 127.99TB'],
    [['-L', '200TB'], '--limit 200TB is too large: a region can have at most 127.99TB'],
    [['-L', '0'], '--limit 0 is too small: a region must have at least 1 byte'],
    [['--write-back', '9PB'], '--write-back 9PB is too large: it can have at most 7.99PB'],
  ];
  for (const [words, message] of cases)
    t.throws(() => readRunRequest([...words, 'image']), { name: 'Failure', message }, words.join(' '));
  t.equal(readRunRequest(['-m', '3.5GB', 'image']).options.memory, 3.5 * GB);
  t.equal(parseSize('1PB', '--limit'), 2 ** 50);
});

t.test('counts and seconds are above 0, or what else is the least', async (t) => {
  t.equal(parseCount('1000000', '--max-instructions'), 1e6);
  for (const text of ['0', '-1', '1.5', '1e6', '', 'many', '9007199254740993'])
    t.throws(() => parseCount(text, '--max-instructions'), { name: 'Failure' }, text);
  t.equal(parseCount('0', '--jit-threshold', 0), 0);
  t.throws(() => parseCount('-1', '--jit-threshold', 0), /from 0 to/);
  t.equal(parseSeconds('0.25', '--timeout'), 0.25);
  for (const text of ['0', '0.0', '-1', '1s', '', '.', '1e999']) t.throws(() => parseSeconds(text, '--timeout'), text);
});

t.test('every form of an option means the same', async (t) => {
  const forms = [
    ['-L', '32GB'],
    ['-L32GB'],
    ['-L=32GB'],
    ['--limit', '32GB'],
    ['--limit=32GB'],
    ['-L', '1', '-L', '32GB'],
  ];
  for (const form of forms)
    for (const words of [
      [...form, 'image', 'a'],
      ['image', ...form, 'a'],
      ['image', ...form, '--', 'a'],
    ]) {
      const { options, image, guestArguments } = readRunRequest(words);
      t.strictSame(
        { options, image, guestArguments },
        { options: { limit: 32 * GB }, image: 'image', guestArguments: ['a'] },
      );
    }
});

t.test('options of bd0 end at the first argument of the guest, or at --', async (t) => {
  const cases: [words: string[], image: string | undefined, guest: string[], stats: boolean][] = [
    [[], undefined, [], false],
    [['--stats'], undefined, [], true],
    [['echo', 'a', '--stats'], 'echo', ['a', '--stats'], false],
    [['echo', '--stats', 'a', '-L', '1'], 'echo', ['a', '-L', '1'], true],
    [['echo', '--', '--stats', '--'], 'echo', ['--stats', '--'], false],
    [['echo', 'a', '--', 'b'], 'echo', ['a', '--', 'b'], false],
    [['--stats', '--', '-image-', '--', 'a'], '-image-', ['--', 'a'], true],
    [['echo', '-', '--stats'], 'echo', ['-', '--stats'], false],
    [['echo', ''], 'echo', [''], false],
  ];
  for (const [words, image, guestArguments, stats] of cases) {
    const request = readRunRequest(words);
    t.strictSame([request.image, request.guestArguments], [image, guestArguments], words.join(' '));
    t.equal(request.options.stats ?? false, stats, words.join(' '));
  }
});

t.test('arguments of the guest come through as they are', async () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      const { image, guestArguments, options } = readRunRequest(['image', '--', ...words]);
      return (
        image === 'image' && Object.keys(options).length === 0 && words.every((word, i) => guestArguments[i] === word)
      );
    }),
  );
});

t.test('help is asked for only before the arguments of the guest', async (t) => {
  t.equal(readRunRequest(['--help']).shown, 'help');
  t.equal(readRunRequest(['image', '-h']).shown, 'help');
  t.equal(readRunRequest(['image', '-V']).shown, 'version');
  t.equal(readRunRequest(['--version']).shown, 'version');
  t.equal(readRunRequest(['image', 'a', '--help']).shown, undefined);
  t.equal(readRunRequest(['image', '--', '--version']).shown, undefined);
});

t.test('words that bd0 run does not know are refused', async (t) => {
  const cases: [words: string[], message: RegExp][] = [
    [
      ['--frob', 'image'],
      /unknown option '--frob': bd0 run --help lists the options \(put the program's own options after --\)$/,
    ],
    [['--lmit=1GB', 'image'], /unknown option '--lmit=1GB': did you mean '--limit'\?/],
    [['image', '-x'], /unknown option '-x'.*after --/],
    [['--toString', 'image'], /unknown option/],
    [['--stats=yes', 'image'], /--stats takes no value/],
    [['image', '-L'], /--limit needs a value/],
    [['--limit=', 'image'], /--limit needs a value/],
    [['-L', 'image'], /--limit 'image' is not a size/],
    [['-m', '--', 'image'], /--memory '--' is not a size/],
    [['--store', '--stats', 'image'], /--store needs a value, and '--stats' is an option: write --store=--stats/],
    [['--root', '-L', '1GB'], /--root needs a value, and '-L' is an option/],
    [['--engine', 'fast', 'image'], /--engine cannot be 'fast': choose auto, interpreter or evaluator/],
    [['--engine', 'interpeter', 'image'], /--engine cannot be 'interpeter': did you mean 'interpreter'\?/],
    [['--clock=slow', 'image'], /--clock cannot be 'slow': choose free or real/],
    [['--trace', 'calls,irq', 'image'], /--trace cannot be 'irq': choose calls, faults, traps or blocks/],
    [['--trace', '', 'image'], /--trace needs a value/],
    [['--log-level', 'loud', 'image'], /--log-level cannot be 'loud'/],
  ];
  for (const [words, message] of cases) t.throws(() => readRunRequest(words), message, words.join(' '));
  for (const [words] of cases) t.throws(() => readRunRequest(words), Failure);
});

t.test('the nearest known word is suggested, if it is near', async (t) => {
  const known = ['run', 'shell', 'cc', 'vmo', 'bench', 'completion', 'hello_world', 'fib'];
  const cases: [word: string, meant: string | undefined][] = [
    ['rnu', 'run'],
    ['runn', 'run'],
    ['RUN', 'run'],
    ['shel', 'shell'],
    ['comp', 'completion'],
    ['helo_wrold', 'hello_world'],
    ['hello', 'hello_world'],
    ['fibo', 'fib'],
    ['xyz', undefined],
    ['c', undefined],
    ['', undefined],
    ['frobnicate', undefined],
  ];
  for (const [word, meant] of cases) t.equal(nearest(word, known), meant, word);
});
