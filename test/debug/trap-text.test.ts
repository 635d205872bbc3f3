/** Reports of traps, as people read them: what lies at each kind of address. */
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import t from 'tap';
import { PlacedImage } from '../../src/debug/reports/placed-image.js';
import { trapText } from '../../src/debug/reports/trap-text.js';
import { Computer } from '../../src/index.js';
import { compiled, sha256 } from '../support/guest-programs.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const MIB = 2 ** 20;

function compile(...compilerOptions: string[]): Promise<Uint8Array> {
  return compiled(join(root, 'test/debug/places.c'), { compilerOptions });
}

const image = await compile();

/** Runs the program beside another one of the same image, and answers the report of its trap. */
function report(words: string, { name = 'places', program = image, memoryBytes = 16 * MIB } = {}): string[] {
  let text: string[] | undefined;
  const images = (pid: number): PlacedImage | undefined => {
    const process = computer.findProcess(pid);
    return process && PlacedImage.read(process.image, process.description.entry);
  };
  const hooks = { onTrap: (trap: Parameters<typeof trapText>[0]) => void (text = trapText(trap, images)) };
  const computer: Computer = new Computer({ memoryBytes, writeBackBytes: 0, sha256, hooks });
  computer.start(program, { name: 'other', limitBytes: MIB });
  const process = computer.start(program, { name, limitBytes: MIB, argv: ['places', ...words.split(' ')] });
  const outcome = computer.run(process);
  if (outcome.kind !== 'trapped' || text === undefined) throw new Error(`'${words}' ended as ${outcome.kind}`);
  for (const line of text) if (line.length > 80) throw new Error(`more than 80 columns: ${line}`);
  // Whether the page is in a frame is not what this is about: P of the error code is left out.
  const withoutPresent = (_: string, code: string): string => `error code 0x${(parseInt(code, 16) & ~1).toString(16)}`;
  return text.map((line) =>
    line
      .replace(/error code 0x([0-9a-f]+)/, withoutPresent)
      .replace(/0x0000000100[0-9a-f]{6}/g, 'PLACE')
      .replace(/places\.c:\d+/, 'places.c:LINE'),
  );
}

/** The lines of a page fault, and what is told of the place. */
function fault(code: number, where: string, instruction: string, access: string, place: string): string[] {
  return [
    `process 2 (places), thread 2: #PF, error code 0x${code.toString(16)}`,
    ...[`  rip ${where}`, `  ${instruction}`, `  ${access}`, `  ${place}`],
  ];
}

const stored = (place: string, code = 6, address = 'PLACE'): string[] =>
  fault(code, 'PLACE in store, places.c:LINE', 'mov byte ptr [rdi],0x1', `write of ${address}`, place);
const executed = (place: string, code = 0x14): string[] => fault(code, 'PLACE', 'TEXT', 'execute of PLACE', place);

t.test('a write of what may not be written tells what lies there', async (t) => {
  t.strictSame(report('w table'), stored('table+0x5 in the image of process 2 (places), r--'));
  t.strictSame(report('w ehdr'), stored('__ehdr_start in the image of process 2 (places), r--'));
  t.strictSame(report('w other-table'), stored('table+0x1 in the image of process 1 (other), r--', 6));
  t.strictSame(
    report('w guard'),
    stored('guard page below the stack of thread 2 of process 2 (places), not mapped', 6),
  );
  t.strictSame(
    report('w thread-guard'),
    stored('guard page below the stack of thread 3 of process 2 (places), not mapped', 6),
  );
  const [first, ...others] = stored('heap of process 2 (places), OFFSET its pointer, not mapped', 6);
  t.strictSame(
    report('w unmapped').map((line) => line.replace(/0x[0-9a-f]+ bytes above/, 'OFFSET')),
    [first, ...others],
  );
});

t.test('and what lies outside of all processes', async (t) => {
  const none = 'no region is there';
  t.strictSame(report('w 10'), stored(`${none}: the first 64 KiB are never mapped`, 6, '0x0000000000000010'));
  t.strictSame(report('w 10000'), stored(none, 6, '0x0000000000010000'));
  t.strictSame(report('w 500000000000'), stored(none, 6, '0x0000500000000000'));
  t.strictSame(report('w kernel-page'), stored('the kernel page, r-x', 6, '0xffffff0000000004'));
  t.strictSame(
    report('w kernel'),
    stored("the kernel's own part of the address space, not mapped", 6, '0xffffff0000100000'),
  );
  t.strictSame(report('w page-tables'), stored('page tables, the entry of PLACE, r--', 6, '0xffffff8000800800'));
});

t.test('a map of a VMO tells which one, and where in it', async (t) => {
  const [first, rip, instruction, access, place] = report('w map');
  t.strictSame([first, rip, instruction], stored('', 6).slice(0, 3));
  t.equal(access, '  write of 0xffffff0000200007');
  t.match(place, /^ {2}byte 0x7 of VMO [0-9a-f]{16} mapped by process 2 \(places\), r--$/);
});

t.test('a read that cannot be is told as one', async (t) => {
  t.strictSame(
    report('r 0'),
    fault(4, 'PLACE in load, places.c:LINE', 'movzx eax,byte ptr [rdi]', 'read of 0x0000000000000000',
      'no region is there: the first 64 KiB are never mapped'), // prettier-ignore
  );
});

t.test('a jump to what may not be executed tells it once', async (t) => {
  const lines = (what: string): string[] => {
    const text = report(`x ${what}`);
    return text.map((line, i) =>
      i === 2 ? '  TEXT' : line.replace(/0x[0-9a-f]+000 bytes below its top/, 'SIZE below its top'),
    );
  };
  t.strictSame(lines('header'), executed('header page of process 2 (places), byte 0x40, rw-'));
  t.strictSame(lines('other-header'), executed('header page of process 1 (other), byte 0x0, rw-'));
  t.strictSame(lines('heap'), executed('heap of process 2 (places), 0x40 bytes above its pointer, rw-'));
  t.strictSame(lines('block'), executed('heap of process 2 (places), 0x100 bytes below its pointer, rw-'));
  t.strictSame(lines('stack'), executed('stack of thread 2 of process 2 (places), 0x20 bytes below its top, rw-'));
  t.strictSame(lines('thread-stack'), executed('stack of thread 3 of process 2 (places), SIZE below its top, rw-'));
  const variable = lines('variable');
  t.equal(variable[1], '  rip PLACE in variable+0x9');
  t.equal(variable[4], '  variable+0x9 in the image of process 2 (places), rw-');
  t.strictSame(report('x 0'), [
    ...['process 2 (places), thread 2: #PF, error code 0x14', '  rip 0x0000000000000000'],
    ...['  no instruction: nothing can be read there', '  execute of 0x0000000000000000'],
    '  no region is there: the first 64 KiB are never mapped',
  ]);
});

t.test('other exceptions tell the instruction, traps the next one', async (t) => {
  const main = /^ {2}rip PLACE in main\+0x[0-9a-f]+, places\.c:LINE$/;
  const undefinedOpcode = report('u 0');
  t.match(undefinedOpcode, ['process 2 (places), thread 2: #UD', main, '  ud2']);
  t.equal(undefinedOpcode.length, 3);
  t.match(report('b 0'), ['process 2 (places), thread 2: #BP', main, /^ {2}next: [a-z]+ /]);
  t.match(report('e 0'), [
    'process 2 (places), thread 2: #UD',
    main,
    /^ {2}an instruction of AVX-512, which this CPU does not have: 62 f1 7c 48 58 c0 /,
  ]);
});

t.test('without line tables, or symbols, less is told', async (t) => {
  t.equal(report('w 10', { program: await compile('-g0', '-Wl,-S') })[1], '  rip PLACE in store');
  t.equal(report('w 10', { program: await compile('-s') })[1], '  rip PLACE');
});

t.test('an image without symbols is told as such', async (t) => {
  t.equal(report('w ehdr', { program: await compile('-s') })[4], '  image of process 2 (places), r--');
});

t.test('names that would move the cursor, or need much room, do not', async (t) => {
  const name = `\u001b[2J\n\u202e${'long '.repeat(11)}`;
  t.equal(report('w 10', { name })[0], `process 2 (?[2J??${'long '.repeat(11)}...`);
});
