/** The file in which a program's hot code is kept, and the directory of such files. */
import { mkdirSync, readFileSync, readdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { decodeKeptCode, encodeKeptCode } from '../../src/host/kept-code/code-file.js';
import { ProgramCode } from '../../src/host/kept-code/program-code.js';
import type { KeptCode } from '../../src/index.js';
import fc from '../support/fast-check.js';

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const distance = fc.integer({ min: -(2 ** 47), max: 2 ** 47 });
const distances = fc.array(distance, { maxLength: 6 });
const big = fc.bigInt({ min: -(2n ** 47n), max: 2n ** 47n });
const bytes = fc.uint8Array({ maxLength: 40 });

const kept: fc.Arbitrary<KeptCode> = fc.record({
  regions: fc.array(
    fc.record({
      page: hash,
      pieces: distances,
      content: hash,
      wanted: distances,
      record: fc.record({
        key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        entries: fc.array(big, { maxLength: 5 }),
        minimumTicks: fc.nat(),
        bestEntries: fc.array(fc.tuple(big, big), { maxLength: 5 }).map((pairs) => new Map(pairs)),
        bytes,
      }),
      machineCode: fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: undefined }),
    }),
    { maxLength: 4 },
  ),
  samples: fc.array(fc.record({ page: hash, samples: fc.array(fc.nat(), { maxLength: 6 }) }), { maxLength: 4 }),
});

/** With all bytes as arrays, which compare whatever holds them. */
function plain({ regions, samples }: KeptCode): unknown {
  const listed = regions.map(({ record, machineCode, ...rest }) => ({
    ...rest,
    record: { ...record, key: [...record.key], bytes: [...record.bytes], bestEntries: [...record.bestEntries] },
    machineCode: machineCode && [...machineCode],
  }));
  return { regions: listed, samples: samples.map((each) => ({ ...each })) };
}

t.test('a file gives back what was kept', (t) => {
  fc.assert(
    fc.property(kept, (code) => {
      t.strictSame(plain(decodeKeptCode(encodeKeptCode(code))!), plain(code));
    }),
    { numRuns: 50 },
  );
  t.end();
});

t.test('a file that is cut, or in which a bit is another, holds nothing', (t) => {
  fc.assert(
    fc.property(kept, fc.nat(), fc.nat(7), (code, place, bit) => {
      const file = encodeKeptCode(code);
      const at = place % file.length;
      t.equal(decodeKeptCode(file.slice(0, at)), undefined);
      const other = file.slice();
      other[at]! ^= 1 << bit;
      t.equal(decodeKeptCode(other), undefined);
    }),
    { numRuns: 50 },
  );
  t.end();
});

const [sample] = fc.sample(
  kept.filter(({ regions }) => regions.length > 0),
  { numRuns: 1, seed: 1 },
);

t.test('each program has its own, and what is damaged counts as nothing', (t) => {
  const directory = join(t.testdir(), 'made/when/needed');
  new ProgramCode(directory, 'a').keep(sample!);
  t.strictSame(plain(new ProgramCode(directory, 'a').kept), plain(sample!));
  t.strictSame(new ProgramCode(directory, 'b').kept, { regions: [], samples: [] });
  const [name] = readdirSync(directory);
  truncateSync(join(directory, name!), 50);
  t.strictSame(new ProgramCode(directory, 'a').kept, { regions: [], samples: [] });
  t.end();
});

t.test('the oldest are removed where there is too much, and no other files', (t) => {
  const directory = t.testdir({ 'notes.txt': 'mine', old: {} });
  mkdirSync(join(directory, 'old/er'));
  const names = Array.from({ length: 6 }, (_, i) => `${String(i).repeat(32)}.bd0code`);
  for (const [i, name] of names.entries()) {
    const file = join(directory, name);
    writeFileSync(file, '');
    // Without content: only its length counts.
    truncateSync(file, 60 * 2 ** 20);
    utimesSync(file, 1000 + i, 1000 + i);
  }
  new ProgramCode(directory, 'new').keep(sample!);
  const left = readdirSync(directory).filter((name) => name.endsWith('.bd0code'));
  t.equal(left.length, 5);
  t.notOk(left.includes(names[0]!) || left.includes(names[1]!), 'those written longest ago are gone');
  t.equal(readFileSync(join(directory, 'notes.txt'), 'utf8'), 'mine');
  t.strictSame(readdirSync(join(directory, 'old')), ['er']);
  t.end();
});

t.test('where the interpreter is not code that was kept, V8 is asked for none, and given none', (t) => {
  const keeper = new ProgramCode(t.testdir(), 'a');
  const wasm = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
  // Asked whether this function is optimised, V8 would end the process.
  t.equal(
    keeper.machineCodeOf(new WebAssembly.Module(wasm), () => {}),
    undefined,
  );
  const [region] = sample!.regions;
  const compiled = keeper.compile({ ...region!, record: { ...region!.record, bytes: wasm }, machineCode: wasm });
  t.ok(compiled instanceof WebAssembly.Module);
  t.end();
});

t.test('where nothing can be written, nothing is kept, without an error', (t) => {
  const directory = join(t.testdir({ file: '' }), 'file/below');
  new ProgramCode(directory, 'a').keep(sample!);
  t.strictSame(new ProgramCode(directory, 'a').kept, { regions: [], samples: [] });
  t.end();
});
