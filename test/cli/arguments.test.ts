import fc from 'fast-check';
import t from 'tap';
import { Failure } from '../../src/cli/failure.js';
import { readRunRequest } from '../../src/cli/run/run-options.js';
import { parseCount, parseSeconds, parseSize } from '../../src/cli/size.js';

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
    t.throws(() => parseSize(text, '--limit'), { name: 'Failure', message: `--limit '${text}' is not a size` }, text);
  t.throws(() => parseSize('0', '--limit'), /no room at all/);
  t.equal(parseSize('0', '--write-back', 0), 0);
  t.throws(() => parseSize('0.0GB', '--limit'), /no room at all/);
  t.throws(() => parseSize('9007199254740993', '--limit'), /more than 2\^53 bytes/);
  t.throws(() => parseSize('8192TB', '--limit'), /more than 2\^53 bytes/);
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
  t.equal(readRunRequest(['--help']).help, true);
  t.equal(readRunRequest(['image', '-h']).help, true);
  t.equal(readRunRequest(['image', 'a', '--help']).help, false);
});

t.test('what bd0 run does not know is refused', async (t) => {
  const cases: [words: string[], message: RegExp][] = [
    [['--frob', 'image'], /unknown option '--frob': bd0 run --help lists them/],
    [['image', '-x'], /unknown option '-x'.*behind --/],
    [['--toString', 'image'], /unknown option/],
    [['--stats=yes', 'image'], /--stats takes no value/],
    [['image', '-L'], /--limit needs a value/],
    [['--limit=', 'image'], /--limit needs a value/],
    [['-L', 'image'], /--limit 'image' is not a size/],
    [['-m', '--', 'image'], /--memory '--' is not a size/],
    [['--engine', 'fast', 'image'], /--engine does not know 'fast': it is one of auto, interpreter, evaluator/],
    [['--clock=slow', 'image'], /--clock does not know 'slow': it is one of free, real/],
    [['--trace', 'calls,irq', 'image'], /--trace does not know 'irq': it is one of calls, faults, blocks/],
    [['--trace', '', 'image'], /--trace needs a value/],
    [['--log-level', 'loud', 'image'], /--log-level does not know 'loud'/],
  ];
  for (const [words, message] of cases) t.throws(() => readRunRequest(words), message, words.join(' '));
  for (const [words] of cases) t.throws(() => readRunRequest(words), Failure);
});
