/** A store against a Map of what it should hold, through two openings on one directory. */
import t from 'tap';
import { collectGarbage } from '../../../src/host/store/collect.js';
import type { DiskStore } from '../../../src/host/store/disk-store.js';
import type { ProcessTable } from '../../../src/host/store/leases.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import fc from '../../support/fast-check.js';
import { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, fileOf, openIn, putBytes } from './support.js';

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('put' as const), by: fc.nat(1), seed: fc.nat(9), length: fc.nat(9000) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('name' as const), by: fc.nat(1), name: fc.constantFrom('a', 'b/c', 'ü'), pick: fc.nat(), stale: fc.boolean() }) }, // prettier-ignore
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pin' as const), by: fc.nat(1), pick: fc.nat(), on: fc.boolean() }) }, // prettier-ignore
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen' as const), by: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), by: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('collect' as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A store, and what it should hold. */
class Modelled {
  readonly contents = new Map<string, Uint8Array>();
  readonly names = new Map<string, string>();
  readonly pins = new Set<string>();
  private readonly gone: string[] = [];
  private readonly files = new MemoryFiles();
  private readonly pids = [1, 2];
  private pidsUsed = 2;
  private readonly stores: DiskStore[] = [0, 1].map((by) => this.open(by));

  async perform(step: Step): Promise<void> {
    if (step.do === 'put') {
      const bytes = content(step.seed, step.length);
      this.contents.set(await putBytes(this.stores[step.by]!, bytes), bytes);
    } else if (step.do === 'name') this.name(step);
    else if (step.do === 'pin') this.pin(step);
    else if (step.do === 'collect') await this.collect();
    else {
      if (step.do === 'reopen') this.stores[step.by]!.close();
      else this.pids[step.by] = ++this.pidsUsed;
      this.stores[step.by] = this.open(step.by);
    }
  }

  async check(): Promise<void> {
    for (const store of this.stores) {
      for (const [id, bytes] of this.contents) equal(bytesOf(store, id), bytes, id);
      for (const id of this.gone) if (!this.contents.has(id)) equal(bytesOf(store, id), undefined, `${id}, collected,`);
      equal(JSON.stringify(store.names.entries()), JSON.stringify([...this.names].sort(([a], [b]) => (a < b ? -1 : 1))), 'names'); // prettier-ignore
      equal(JSON.stringify(store.names.pins()), JSON.stringify([...this.pins].sort()), 'pins');
    }
    const { problems } = await verifyStore(this.stores[0]!);
    equal(JSON.stringify(problems), '[]', 'problems');
    const hashes = this.stores.map((store) => [...store.hashes()].map((hash) => Buffer.from(hash).toString('hex')));
    equal(JSON.stringify(hashes[0]), JSON.stringify([...hashes[1]!].sort()), 'hashes');
  }

  close(): void {
    for (const store of this.stores) store.close();
  }

  private name({ by, name, pick, stale }: Step & { do: 'name' }): void {
    const now = this.names.get(name);
    const next = this.idAt(pick);
    const other = [...this.contents.keys()].find((id) => id !== now);
    const expected = stale ? other : now;
    const isSet = this.stores[by]!.names.compareAndSwap(name, expected, next === undefined ? undefined : fileOf(next));
    equal(isSet, expected === now, `compare-and-swap of ${name}`);
    if (!isSet) return;
    if (next === undefined) this.names.delete(name);
    else this.names.set(name, next);
  }

  private pin({ by, pick, on }: Step & { do: 'pin' }): void {
    const id = this.idAt(pick);
    if (id === undefined) return;
    equal(this.stores[by]!.pin(fileOf(id), on), this.pins.has(id) !== on, `pin of ${id}`);
    if (on) this.pins.add(id);
    else this.pins.delete(id);
  }

  /** Writers close before, and open after. */
  private async collect(): Promise<void> {
    this.close();
    const collector = openIn(this.files, 'collect', this.processes(++this.pidsUsed));
    await collectGarbage(collector, AT_ONCE);
    collector.close();
    for (const id of this.contents.keys())
      if (!this.pins.has(id) && ![...this.names.values()].includes(id)) {
        this.contents.delete(id);
        this.gone.push(id);
      }
    for (const by of [0, 1]) this.stores[by] = this.open(by);
  }

  private idAt(pick: number): string | undefined {
    const ids = [...this.contents.keys()];
    return ids[pick % (ids.length + 1)];
  }

  private open(by: number): DiskStore {
    return openIn(this.files, 'write', this.processes(this.pids[by]!));
  }

  private processes(pid: number): ProcessTable {
    return {
      self: `${pid}-1`,
      isAlive: (process) => [...this.pids, this.pidsUsed].some((alive) => process === `${alive}-1`),
    };
  }
}

function equal(actual: unknown, expected: unknown, what: string): void {
  const isEqual =
    actual instanceof Uint8Array && expected instanceof Uint8Array
      ? Buffer.compare(actual, expected) === 0
      : actual === expected;
  if (!isEqual)
    throw new Error(`${what}: ${String(actual).slice(0, 400)} instead of ${String(expected).slice(0, 400)}`);
}

t.test('whatever is done through two openings, the store holds what it should', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const modelled = new Modelled();
      for (const step of steps) {
        await modelled.perform(step);
        await modelled.check();
      }
      modelled.close();
    }),
    { numRuns: 60 },
  );
  t.pass('60 programs');
});
