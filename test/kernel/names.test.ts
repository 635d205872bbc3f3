/** Names of VMOs: which there can be, in which order they come, and what is told of them. */
import t from 'tap';
import { Computer, MemoryNames, isName, sortedNames, type InputEvent, type NameSpace } from '../../src/index.js';
import { requireName } from '../../src/host/store/names.js';
import { WatchedNames } from '../../src/kernel/names.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { compiled, sha256 } from '../support/guest-programs.js';
import { fileURLToPath } from 'node:url';

const MIB = 2 ** 20;
const tests = fileURLToPath(new URL('../../../guest/tests/', import.meta.url));

t.setTimeout(0);

t.test('a name is 1 to 63 bytes of UTF-8 in parts', (t) => {
  for (const name of ['a', 'a/b', 'a.b', '...', '..a', 'ä', '\u{1f600}', 'x'.repeat(63), 'ä'.repeat(31), ' ', 'a b'])
    t.ok(isName(name), JSON.stringify(name));
  for (const name of ['', '.', '..', '/', 'a/', '/a', 'a//b', 'a/./b', '../a', 'a\n', '\0', '\x7f', '\x80', '\ud800'])
    t.notOk(isName(name), JSON.stringify(name));
  for (const name of ['x'.repeat(64), 'ä'.repeat(32)]) t.notOk(isName(name), name);
  t.end();
});

t.test('a durable store takes all that guests may publish, and no name of 63 bytes that they may not', (t) => {
  const someText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 70 }),
    fc.string({ unit: fc.constantFrom('a', '/', '.', 'ä', '\n', '\u{10ffff}', '\ud800'), maxLength: 70 }),
  );
  const takes = (name: string): boolean => {
    try {
      requireName(name);
      return true;
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(someText, (name) => isName(name) === (takes(name) && Buffer.byteLength(name) <= 63)),
    { numRuns: 5000 },
  );
  t.end();
});

t.test('names come in the order of their bytes, each once, and what is none is left out', (t) => {
  const someName = fc.string({
    unit: fc.constantFrom('a', 'b', '/', 'ä', '\uffff', '\u{10000}', '\ue000'),
    maxLength: 6,
  });
  fc.assert(
    fc.property(fc.array(someName), (names) => {
      const expected = [...new Set(names)].filter(isName).map((name) => Buffer.from(name));
      expected.sort((a, b) => Buffer.compare(a, b));
      return sortedNames(names).join('|') === expected.map((bytes) => bytes.toString()).join('|');
    }),
  );
  t.end();
});

t.test('names in memory hold their VMOs, and give back what they held', (t) => {
  const store = new VmoStore(sha256);
  const names = new MemoryNames(store);
  const [one, two] = ['one', 'two'].map((text) => store.fromBytes(Buffer.from(text)));
  t.equal(names.publish('n', one, undefined), 'done');
  const id = one!.id;
  one!.close();
  t.same(store.openIds(), [id]);
  t.equal(names.publish('n', two, undefined), 'changed');
  t.equal(names.publish('n', two, 'anything'), 'done');
  t.same(store.openIds(), [two!.id]);
  t.equal(names.publish('n', undefined, two), 'done');
  two!.close();
  t.same([store.openIds(), store.counters.pagesStored], [[], 0]);
  t.end();
});

t.test('a host is told of every answer that comes from names, with its tick', async (t) => {
  const inputs: InputEvent[] = [];
  const image = await compiled(`${tests}name_publish.c`);
  let names: NameSpace | undefined;
  const computer = new Computer({
    memoryBytes: 16 * MIB,
    engine: 'interpreter',
    sha256,
    names: (store) => (names = new MemoryNames(store)),
    hooks: { onInput: (input) => inputs.push(input) },
  });
  const process = computer.start(image, { name: 'guest', limitBytes: 64 * MIB });
  t.match(computer.run(process), { kind: 'exited', exitCode: 0 });
  const publications = inputs.filter(({ kind }) => kind === 'publish');
  t.match(publications.slice(0, 3), [
    { kind: 'publish', name: 'n', outcome: 'done' },
    { kind: 'publish', name: 'n', outcome: 'changed' },
    { kind: 'publish', name: 'n', outcome: 'changed' },
  ]);
  t.match(inputs[1], { kind: 'lookup', name: 'n', id: /^[0-9a-f]{64}$/ });
  const ticks = inputs.map(({ tick }) => tick);
  t.same(
    ticks,
    [...ticks].sort((a, b) => a - b),
  );
  t.ok(ticks[0]! > 0 && new Set(ticks).size === ticks.length, 'a call each');
  t.ok([...names!.names()].includes('kept'));
});

t.test('listing names costs the machine steps, however many a host has, and a look where it knows their order', (t) => {
  const store = new VmoStore(sha256);
  const names = new MemoryNames(store);
  const vmo = store.fromBytes(Buffer.from('x'));
  const all = Array.from({ length: 5000 }, (_, i) => `n${((i * 7919) % 5000).toString().padStart(4, '0')}`);
  for (const name of all) names.publish(name, vmo, undefined);
  const told: number[] = [];
  const stepsOf = (inner: NameSpace): { steps: number; names: readonly string[]; total: number } => {
    const watched = new WatchedNames(inner, (input) => input.kind === 'names' && told.push(input.names.length));
    const listing = watched.listInSteps(4000, 3);
    for (let steps = 1; ; steps++) {
      const { done, value } = listing.next();
      if (done) return { steps, ...value };
    }
  };
  const expected = { names: ['n4000', 'n4001', 'n4002'], total: 5000 };
  t.same(stepsOf(names), { steps: 1, ...expected });
  const unordered = { ...methodsOf(names), list: undefined, names: () => all };
  const found = stepsOf(unordered as unknown as NameSpace);
  t.same({ names: found.names, total: found.total }, expected);
  t.ok(found.steps > 5, `${found.steps} steps`);
  t.same(told, [3, 5000]);
  t.equal(names.heldNames, 5000);
  t.end();
});

function methodsOf(names: MemoryNames): Partial<NameSpace> {
  return { lookup: (name) => names.lookup(name), own: names };
}
