/** Debian's memtest86+ on a bare machine of 64 MB, from the package that apt-get has: it passes its first tests, over serial. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Board } from '../../src/board.js';
import { boot } from '../../src/boot/boot.js';

t.setTimeout(0);

const MEMORY_BYTES = 64 * 2 ** 20;
const COMMAND_LINE = 'console=ttyS0,115200 nopause nosmp nosm nobench';
const SCREEN = 0xb_8000;
const [ROWS, COLUMNS] = [25, 80];
/** The first test takes less than a millisecond a percent. */
const FINE_TICKS = 2_000;
const COARSE_TICKS = 500_000;
const END = 3_000_000_000;

const directory = mkdtempSync(join(tmpdir(), 'bd0-memtest-'));
t.teardown(() => rmSync(directory, { recursive: true }));

/** The kernel of the package; undefined where apt-get does not offer it. */
function memtest(): Uint8Array | undefined {
  if (spawnSync('apt-get', ['download', 'memtest86+'], { cwd: directory }).status !== 0) return undefined;
  for (const name of readdirSync(directory)) execFileSync('dpkg', ['-x', name, 'root'], { cwd: directory });
  return new Uint8Array(readFileSync(join(directory, 'root/boot/memtest86+x64.bin')));
}

/** What is on the screen: cells of a character and its colours, in memory. */
function screenOf({ memory }: Board): string {
  const rows = Array.from({ length: ROWS }, (_, row) => {
    const start = SCREEN + 2 * COLUMNS * row;
    return String.fromCharCode(...memory.ram.subarray(start, start + 2 * COLUMNS).filter((_, at) => at % 2 === 0));
  });
  return rows.join('\n');
}

const kernel = memtest();
t.test('memtest86+', { skip: !kernel && 'apt-get does not have memtest86+' }, async (t) => {
  let sent = '';
  const board = new Board({ memoryBytes: MEMORY_BYTES, send: (byte) => (sent += String.fromCharCode(byte)) });
  t.equal(boot(board, { name: 'memtest', kernel: kernel!, commandLine: COMMAND_LINE }), 'Linux');
  let most = 0;
  let last = 0;
  while (board.ticks < END && last < 4) {
    const text = screenOf(board);
    const test = Number(/#(\d+)/.exec(text)?.[1] ?? -1);
    const percent = Number(/Test\s*(\d+)%/.exec(text)?.[1] ?? 0);
    if (test === 0) most = Math.max(most, percent);
    last = Math.max(last, test);
    const event = board.run(board.ticks + (test === 0 ? FINE_TICKS : COARSE_TICKS));
    if (event.kind !== 'limit') return void t.fail(`it has ended: ${JSON.stringify(event)}`);
  }
  t.equal(most, 100, 'test #0 reaches 100 %');
  t.equal(last, 4, 'the tests after it run');
  t.match(sent, /Memtest86\+ v\d/);
  t.match(sent, /#0 {2}\[Address test/, 'test #0 is shown over serial');
  t.match(sent, /Errors: 0/);
  t.notMatch(sent, /Errors: [1-9]/);
});
