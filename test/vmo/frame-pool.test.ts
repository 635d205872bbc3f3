import t from 'tap';
import { GuestMemory } from '../../src/memory.js';
import { ZERO_LEAF } from '../../src/vmo/content/canonical-form.js';
import { FrameStateError, MissingRecordError, OutOfFramesError, VmoRangeError } from '../../src/vmo/errors.js';
import { FramePool, type FrameCounters } from '../../src/vmo/frames/frame-pool.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { MemoryRecords } from './memory-records.js';
import { flatLeaf, nativeHash, noise, PAGE } from './model.js';

const FIRST = 3;

function bytesOf(memory: GuestMemory, frame: number): Buffer {
  return Buffer.from(memory.ram.subarray(frame * PAGE, (frame + 1) * PAGE));
}

/** A pool of `frames` frames in dirty memory, and the frames whose code changes it has announced. */
function poolOf(frames: number): { memory: GuestMemory; store: VmoStore; pool: FramePool; changed: number[] } {
  const memory = new GuestMemory((FIRST + frames) * PAGE);
  memory.ram.fill(0xcc);
  const store = new VmoStore(nativeHash);
  const changed: number[] = [];
  const pool = new FramePool(memory, store, {
    firstFrame: FIRST,
    endFrame: FIRST + frames,
    codeChanged: (frame) => changed.push(frame),
  });
  return { memory, store, pool, changed };
}

t.test('equal content shares one frame, whichever VMO it comes from, and is copied once', async (t) => {
  const { memory, store, pool } = poolOf(8);
  const bytes = noise(3 * PAGE, 1);
  const image = store.fromBytes(bytes);
  const shifted = store.slice(store.concat([store.fromBytes(Uint8Array.of(1)), image]), 1, 2 * PAGE);
  const frame = pool.acquireClean(image.page(1));
  t.ok(bytesOf(memory, frame).equals(bytes.subarray(PAGE, 2 * PAGE)));
  t.equal(pool.acquireClean(shifted.page(1)), frame);
  t.equal(pool.usersOf(frame), 2);
  t.equal(pool.codeIdentity(frame), image.page(1).leaf);
  t.match(pool.counters, { inUse: 1, clean: 1, hits: 1, copies: 1, allocated: 1 });
});

t.test('a page missing from its store takes no frame', async (t) => {
  const { store, pool } = poolOf(1);
  const records = new MemoryRecords();
  const made = store.fromBytes(noise(PAGE, 1));
  store.saveTo(records, made);
  const other = new VmoStore(nativeHash);
  const opened = other.openFrom(records, made.id)!;
  const page = opened.page(0);
  records.records.delete(page.leaf);
  t.throws(() => pool.acquireClean(page), MissingRecordError);
  t.equal(pool.counters.inUse, 0);
  t.equal(pool.acquireClean(made.page(0)), FIRST, 'the frame is there for others');
});

t.test('all zero pages share one frame, and none is hashed', async (t) => {
  const { memory, store, pool } = poolOf(8);
  const frame = pool.acquireZero();
  t.ok(bytesOf(memory, frame).equals(Buffer.alloc(PAGE)));
  t.equal(pool.acquireClean(store.zeros(2 ** 47).page(2 ** 34)), frame);
  t.equal(pool.acquireClean(store.fromBytes(new Uint8Array(5)).page(0)), frame);
  t.equal(pool.codeIdentity(frame), ZERO_LEAF);
  const other = pool.makePrivate(frame);
  t.equal(pool.commit(other), frame);
  t.equal(store.counters.leavesHashed, 0);
  t.match(pool.counters, { inUse: 1, hits: 3 });
});

t.test('a write gets a copy, or the frame itself if it has no other user', async (t) => {
  const { memory, store, pool, changed } = poolOf(8);
  const page = store.fromBytes(noise(PAGE, 2)).page(0);
  const clean = pool.acquireClean(page);
  pool.acquireClean(page);
  const copy = pool.makePrivate(clean);
  t.not(copy, clean);
  t.ok(bytesOf(memory, copy).equals(bytesOf(memory, clean)));
  t.equal(pool.codeIdentity(copy), undefined);
  t.same(changed, []);
  t.equal(pool.makePrivate(clean), clean, 'the last user keeps it');
  t.same(changed, [clean]);
  t.equal(pool.codeIdentity(clean), undefined);
  t.not(pool.acquireClean(page), clean, 'it is no longer found by its content');
  t.match(pool.counters, { private: 2, clean: 1, copies: 3 });
});

t.test('commit makes a private frame clean, or merges it with an equal one', async (t) => {
  const { memory, store, pool, changed } = poolOf(8);
  const page = store.fromBytes(noise(PAGE, 2)).page(0);
  const mine = pool.makePrivate(pool.acquireClean(page));
  changed.length = 0;
  t.equal(pool.commit(mine), mine);
  t.equal(pool.codeIdentity(mine), page.leaf, 'what was just mapped has the identity that was mapped');
  t.equal(pool.commit(mine), mine, 'clean already');
  t.same(changed, [], 'its content is what it was');
  pool.acquireClean(page);
  const copy = pool.makePrivate(mine);
  memory.ram[copy * PAGE]! ^= 1;
  t.equal(pool.commit(copy), copy);
  const again = pool.makePrivate(copy);
  memory.ram[again * PAGE]! ^= 1;
  changed.length = 0;
  t.equal(pool.commit(again), mine);
  t.same(changed, [again]);
  t.equal(pool.usersOf(mine), 2);
  t.match(pool.counters, { inUse: 1, clean: 1, private: 0 });
});

t.test('commit does not hash content that the store has already hashed', async (t) => {
  const { memory, store, pool } = poolOf(8);
  const frame = pool.makePrivate(pool.acquireClean(store.fromBytes(noise(PAGE, 2)).page(0)));
  memory.ram[frame * PAGE]! ^= 1;
  const snapshot = store.fromBytes(bytesOf(memory, frame));
  void snapshot.id;
  const before = store.counters.leavesHashed;
  t.equal(pool.codeIdentity(pool.commit(frame)), snapshot.page(0).leaf);
  t.equal(store.counters.leavesHashed, before);
});

t.test('a snapshot of a frame becomes a page of the store, whose hash commits the frame', async (t) => {
  const { memory, store, pool } = poolOf(8);
  const frame = pool.makePrivate(pool.acquireZero());
  t.ok(pool.isPrivate(frame));
  memory.ram.set(noise(PAGE, 7), frame * PAGE);
  const content = pool.snapshot(frame);
  memory.ram[frame * PAGE]! ^= 1;
  t.ok(Buffer.from(content.read(0, PAGE)).equals(noise(PAGE, 7)), 'it stays as it was');
  memory.ram[frame * PAGE]! ^= 1;
  const before = store.counters.leavesHashed;
  t.equal(pool.commit(frame, content.page(0).leaf), frame);
  t.equal(store.counters.leavesHashed - before, 1);
  t.equal(pool.codeIdentity(frame), flatLeaf(noise(PAGE, 7)));
  t.notOk(pool.isPrivate(frame));
  pool.release(frame);
  t.throws(() => pool.snapshot(frame), new FrameStateError(`frame ${frame} has no user: it is idle`));
});

t.test('clean frames without users stay until the pool is full; the one idle longest goes first', async (t) => {
  const { store, pool, changed } = poolOf(3);
  const pages = [...store.fromBytes(noise(5 * PAGE, 4)).pages()];
  const frames = pages.slice(0, 3).map((page) => pool.acquireClean(page));
  for (const i of [1, 0, 2]) pool.release(frames[i]!);
  t.match(pool.counters, { inUse: 3, idle: 3 });
  t.equal(pool.acquireClean(pages[1]!), frames[1], 'found again, and no longer idle');
  t.equal(pool.acquireClean(pages[3]!), frames[0]);
  t.equal(pool.allocateTable(), frames[2]);
  t.same(changed, [frames[0], frames[2]]);
  t.match(pool.counters, { inUse: 3, idle: 0, tables: 1, evictions: 2, allocated: 5 });

  const before = pool.counters;
  t.throws(() => pool.acquireClean(pages[4]!), OutOfFramesError);
  t.throws(() => pool.acquireZero(), { message: 'all 3 frames are in use: 2 clean and mapped, 0 private, 1 tables' });
  pool.acquireClean(pages[1]!);
  t.throws(() => pool.makePrivate(frames[1]!), OutOfFramesError);
  t.equal(pool.codeIdentity(frames[1]!), pages[1]!.leaf, 'and the user keeps the clean frame');
  t.same({ ...pool.counters, hits: before.hits }, before);
  pool.release(frames[2]!);
  t.equal(pool.acquireZero(), frames[2]);
});

t.test('invalid calls are rejected', async (t) => {
  const { store, pool } = poolOf(4);
  const clean = pool.acquireClean(store.fromBytes(noise(PAGE, 2)).page(0));
  const table = pool.allocateTable();
  const mine = pool.makePrivate(pool.acquireZero());
  const before = pool.counters;
  t.throws(() => pool.release(FIRST + 3), new FrameStateError(`frame ${FIRST + 3} has no user: it is free`));
  t.throws(() => pool.release(0), FrameStateError);
  t.throws(() => pool.makePrivate(mine), new FrameStateError(`frame ${mine} is private, not clean`));
  t.throws(() => pool.makePrivate(table), new FrameStateError(`frame ${table} is a table, not clean`));
  t.throws(() => pool.commit(table), new FrameStateError(`frame ${table} is a table, not private`));
  t.same(pool.counters, before);
  pool.release(clean);
  t.throws(() => pool.release(clean), new FrameStateError(`frame ${clean} has no user: it is idle`));
  t.throws(() => pool.makePrivate(clean), FrameStateError);
  t.throws(() => pool.commit(clean), FrameStateError);
  const memory = new GuestMemory(65536);
  for (const [firstFrame, endFrame] of [
    [-1, 2],
    [0, 17],
    [5, 4],
    [0.5, 4],
  ] as const)
    t.throws(() => new FramePool(memory, store, { firstFrame, endFrame }), VmoRangeError);
});

// The pool against a model: what each mapping holds.

type Step =
  | { do: 'map'; page: number }
  | { do: 'mapZero' }
  | { do: 'privateZero' }
  | { do: 'table' }
  | { do: 'write'; mapping: number; offset: number; byte: number }
  | { do: 'commit'; mapping: number }
  | { do: 'release'; mapping: number };

const mapping = fc.nat({ max: 1000 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('map' as const), page: fc.nat({ max: 8 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('mapZero' as const, 'privateZero' as const, 'table' as const) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      mapping,
      offset: fc.constantFrom(0, 1, 4095),
      byte: fc.nat({ max: 2 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('commit' as const, 'release' as const), mapping }) },
);

interface Mapping {
  frame: number;
  kind: 'clean' | 'private' | 'table';
  content: Buffer;
}

interface FrameThen {
  content: Buffer;
  leaf: string | undefined;
  isUsed: boolean;
}

const FRAMES = 6;

/** A pool, the mappings that a model says it serves, and every frame as it stood after the last step. */
class Run {
  readonly mappings: Mapping[] = [];
  readonly given: number[] = [];
  private readonly store = new VmoStore(nativeHash);
  private readonly changed = new Set<number>();
  private readonly pool: FramePool;
  private before = new Map<number, FrameThen>();
  /** Pages that differ, that are equal, that are zero, and that become equal or zero by a write. */
  private readonly pages = [
    ...this.store.fromBytes(new Uint8Array([...noise(3 * PAGE, 1), ...noise(PAGE, 1)])).pages(),
    ...[[1], [0, 1], [2], [0], [1, 1]].map((bytes) => this.store.page(Uint8Array.from(bytes)).page(0)),
  ];

  constructor(
    private readonly memory: GuestMemory,
    /** Whether private frames of zeros are asked for as such. */
    private readonly asksForPrivates: boolean,
  ) {
    memory.ram.fill(0xcc);
    this.pool = new FramePool(memory, this.store, {
      firstFrame: FIRST,
      endFrame: FIRST + FRAMES,
      codeChanged: (frame) => {
        this.changed.add(frame);
        expect(bytesOf(memory, frame).equals(this.before.get(frame)!.content), `told of ${frame} too late`);
      },
    });
  }

  take(step: Step): void {
    this.before = this.snapshot();
    this.changed.clear();
    try {
      this.follow(step);
    } catch (error) {
      if (!(error instanceof OutOfFramesError)) throw error;
      const { inUse, idle } = this.pool.counters;
      expect(inUse === FRAMES && idle === 0, `out of frames with ${inUse} in use, ${idle} idle`);
      this.given.push(-1);
    }
    this.check();
  }

  private follow(step: Step): void {
    if (step.do === 'map' || step.do === 'mapZero' || step.do === 'privateZero' || step.do === 'table')
      return this.map(step.do, step.do === 'map' ? step.page : 0);
    if (this.mappings.length === 0) return;
    const at = step.mapping % this.mappings.length;
    const mapping = this.mappings[at]!;
    if (step.do === 'release') {
      this.pool.release(mapping.frame);
      this.mappings.splice(at, 1);
    } else if (mapping.kind === 'table') return;
    else if (step.do === 'commit') {
      const frame = this.pool.commit(mapping.frame);
      mapping.frame = frame;
      mapping.kind = 'clean';
      this.given.push(frame);
    } else {
      if (mapping.kind === 'clean') mapping.frame = this.pool.makePrivate(mapping.frame);
      mapping.kind = 'private';
      this.check();
      mapping.content[step.offset] = this.memory.ram[mapping.frame * PAGE + step.offset] = step.byte;
      this.before = this.snapshot();
      this.given.push(mapping.frame);
    }
  }

  private map(what: 'map' | 'mapZero' | 'privateZero' | 'table', index: number): void {
    const content = Buffer.alloc(PAGE);
    let frame;
    let kind: Mapping['kind'] = 'clean';
    if (what === 'map') {
      const page = this.pages[index]!;
      frame = this.pool.acquireClean(page);
      page.copyTo(content);
    } else if (what === 'table') {
      frame = this.pool.allocateTable();
      kind = 'table';
    } else if (what === 'privateZero') {
      frame = this.privateZero();
      kind = 'private';
    } else frame = this.pool.acquireZero();
    this.mappings.push({ frame, kind, content });
    this.given.push(frame);
  }

  private privateZero(): number {
    const { pool } = this;
    const fresh = this.asksForPrivates ? pool.acquirePrivateZero() : undefined;
    if (fresh !== undefined) return fresh;
    const clean = pool.acquireZero();
    this.before = this.snapshot();
    try {
      return pool.makePrivate(clean);
    } catch (error) {
      pool.release(clean);
      throw error;
    }
  }

  get counters(): FrameCounters {
    return this.pool.counters;
  }

  private snapshot(): Map<number, FrameThen> {
    const frames = Array.from({ length: FRAMES }, (_, i) => FIRST + i);
    return new Map(
      frames.map((frame) => {
        const leaf = this.pool.codeIdentity(frame);
        const isUsed = leaf !== undefined || this.pool.usersOf(frame) > 0;
        return [frame, { content: bytesOf(this.memory, frame), leaf, isUsed }];
      }),
    );
  }

  private check(): void {
    const { pool, mappings } = this;
    const users = new Map<number, Mapping[]>();
    for (const mapping of mappings) users.set(mapping.frame, [...(users.get(mapping.frame) ?? []), mapping]);
    for (const [frame, those] of users) {
      expect(frame >= FIRST && frame < FIRST + FRAMES, `frame ${frame} is not of the pool`);
      expect(pool.usersOf(frame) === those.length, `frame ${frame}: ${pool.usersOf(frame)} users of ${those.length}`);
      expect(those.length === 1 || those.every(({ kind }) => kind === 'clean'), `frame ${frame} is shared, not clean`);
      for (const { content } of those)
        expect(
          content.equals(bytesOf(this.memory, frame)),
          `frame ${frame} holds other bytes than were mapped or written`,
        );
    }
    const frameOf = new Map<string, number>();
    for (const { frame, kind, content } of mappings) {
      const leaf = flatLeaf(content);
      expect(pool.codeIdentity(frame) === (kind === 'clean' ? leaf : undefined), `frame ${frame}: identity`);
      if (kind !== 'clean') continue;
      expect((frameOf.get(leaf) ?? frame) === frame, `frames ${frameOf.get(leaf)} and ${frame} are equal`);
      frameOf.set(leaf, frame);
    }
    this.checkChanges();
    this.checkCounters(users);
  }

  /** A frame that was in use, mapped or idle, is never reused without notification. */
  private checkChanges(): void {
    for (const [frame, now] of this.snapshot()) {
      const { content, leaf, isUsed } = this.before.get(frame)!;
      const isOther = (leaf !== undefined && leaf !== now.leaf) || !now.content.equals(content);
      expect(!isUsed || !isOther || this.changed.has(frame), `frame ${frame} changed silently`);
    }
  }

  private checkCounters(users: Map<number, Mapping[]>): void {
    const { clean, idle, private: privates, tables, inUse } = this.pool.counters;
    const count = (kind: string): number => [...users.values()].filter(([first]) => first!.kind === kind).length;
    expect(clean - idle === count('clean'), `${clean} clean, ${idle} idle, ${count('clean')} mapped`);
    expect(privates === count('private'), `${privates} private of ${count('private')}`);
    expect(tables === count('table'), `${tables} tables of ${count('table')}`);
    expect(inUse === clean + privates + tables && inUse <= FRAMES, `${inUse} frames in use`);
  }
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new Error(`* ${message}`);
}

t.test('a mapping sees only its own writes, and equal clean content shares one frame', async () => {
  const memories = [1, 2, 3].map(() => new GuestMemory((FIRST + FRAMES) * PAGE));
  fc.assert(
    fc.property(fc.array(steps, { minLength: 1, maxLength: 80, size: 'max' }), (taken) => {
      const [given, again, indirectly] = memories.map((memory, number) => {
        const run = new Run(memory, number < 2);
        for (const step of taken) run.take(step);
        return `${run.given.join()} ${JSON.stringify(run.counters)}`;
      });
      expect(given === again, 'the same calls were given other frames');
      expect(given === indirectly, 'a private frame of zeros is not what a clean one would have become');
    }),
    { numRuns: 120 },
  );
});
