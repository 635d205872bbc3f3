import { PAGE_SHIFT, PAGE_SIZE } from '../../bits.js';
import type { GuestMemory } from '../../memory.js';
import { ZERO_LEAF } from '../content/canonical-form.js';
import { FrameStateError, OutOfFramesError, VmoRangeError } from '../errors.js';
import { FrameList } from './frame-list.js';
import type { VmoHandle, VmoPage } from '../handle.js';
import type { VmoStore } from '../store.js';
import { derived, kept, outside, schema, value } from '../../state/schema.js';

/** The pool's frame range and its code-change callback. */
export interface FramePoolOptions {
  /** The first frame of the pool: a physical address divided by 4096. */
  readonly firstFrame: number;
  /** One past the last frame. */
  readonly endFrame: number;
  /**
   * Called before the content or the identity of a frame that was in use changes: a clean frame becomes private or is
   * dropped, a private frame or a table is freed.
   */
  readonly codeChanged?: (frame: number) => void;
}

/** Statistics of a pool. */
export interface FrameCounters {
  /** Frames in use: clean + private + tables. */
  readonly inUse: number;
  /** Frames indexed by their content, mapped or not. */
  readonly clean: number;
  /** Clean frames that are not mapped, kept until the pool is full. */
  readonly idle: number;
  readonly private: number;
  readonly tables: number;
  /** Number of times that requested or committed content was already in a frame. */
  readonly hits: number;
  /** Pages copied into a frame, from a VMO or from another frame. */
  readonly copies: number;
  /** Clean frames dropped because the pool was full. */
  readonly evictions: number;
  /** Frames taken for new content. */
  readonly allocated: number;
}

const FREE = 0;
const CLEAN = 1;
const PRIVATE = 2;
const TABLE = 3;
const STATE_NAMES = ['free', 'clean', 'private', 'a table'];

/**
 * The pool of content-addressed frames of guest physical memory. design/vmo.md "The frame pool".
 *
 *               acquireClean, acquireZero                    makePrivate
 *     free ------------------------------------> clean <--------------------> private
 *       ^                                          |            commit           |
 *       +------------ dropped when idle -----------+                             |
 *       +------------------------- release by the last user ---------------------+
 *
 * A frame has one user for each place that maps it. A private frame has several only after a fork (`share`). Frames are
 * chosen deterministically: first freed frames, the most recently freed first; then frames never used, in ascending order;
 * then the clean frame that has been idle longest.
 */
export class FramePool {
  static readonly state = schema(
    'frame pool',
    FramePool,
    {
      firstFrame: outside('the place of the pool'),
      endFrame: outside('the size of the pool'),
      codeChanged: outside('of the CPU'),
      states: kept('hashed as far as frames were used'),
      users: kept('hashed as far as frames were used'),
      frameByLeaf: derived('from the leaves'),
      leafBySlot: kept('known from guest memory'),
      idle: value,
      freed: value,
      neverUsed: value,
      inState: kept('counted from the states'),
      count: kept('statistics'),
      memory: outside('guest memory'),
      store: outside('of the machine'),
    },
    {
      isPart: true,
      computed: [
        { name: 'usedStates', read: (pool) => pool.states.subarray(0, pool.neverUsed - pool.firstFrame) },
        { name: 'usersOfUsed', read: (pool) => pool.users.subarray(0, pool.neverUsed - pool.firstFrame) },
      ],
      restored: (pool) => pool.indexLeaves(),
    },
  );

  private readonly firstFrame: number;
  /** One past the last frame. */
  readonly endFrame: number;
  private readonly codeChanged: (frame: number) => void;
  private readonly states: Uint8Array;
  private readonly users: Uint32Array;
  private readonly frameByLeaf = new Map<string, number>();
  /** By slot, of those that have been used: the hash of a clean frame's content. */
  private readonly leafBySlot: (string | undefined)[] = [];
  private readonly idle: FrameList;
  private readonly freed: number[] = [];
  private neverUsed: number;
  /** Number of frames in each state. */
  private readonly inState: number[];
  /** Of events since the machine started. */
  private readonly count = { hits: 0, copies: 0, evictions: 0, allocated: 0 };

  /** Throws VmoRangeError if the frames are not within guest RAM. */
  constructor(
    private readonly memory: GuestMemory,
    private readonly store: VmoStore,
    { firstFrame, endFrame, codeChanged = () => {} }: FramePoolOptions,
  ) {
    const frames = memory.size >>> PAGE_SHIFT;
    if (!Number.isInteger(firstFrame) || !Number.isInteger(endFrame) || firstFrame < 0 || endFrame > frames)
      throw new VmoRangeError(`frames ${firstFrame} to ${endFrame} are not among ${frames} frames`);
    if (firstFrame > endFrame) throw new VmoRangeError(`frame ${firstFrame} lies behind frame ${endFrame}`);
    this.firstFrame = this.neverUsed = firstFrame;
    this.endFrame = endFrame;
    this.codeChanged = codeChanged;
    this.inState = [endFrame - firstFrame, 0, 0, 0];
    this.states = new Uint8Array(endFrame - firstFrame);
    this.users = new Uint32Array(endFrame - firstFrame);
    this.idle = new FrameList(firstFrame, endFrame);
  }

  get counters(): FrameCounters {
    const { inState } = this;
    const [clean, privates, tables] = [inState[CLEAN]!, inState[PRIVATE]!, inState[TABLE]!];
    const inUse = clean + privates + tables;
    return { inUse, clean, idle: this.idle.size, private: privates, tables, ...this.count };
  }

  /** Returns a clean frame with the content of a page, for one more user. Throws OutOfFramesError. */
  acquireClean(page: VmoPage): number {
    if (page.isZero) return this.acquireZero();
    const hit = this.acquireHit(page.leaf);
    if (hit !== undefined) return hit;
    const frame = this.allocate();
    try {
      this.memory.mark(frame * PAGE_SIZE, PAGE_SIZE);
      page.copyTo(this.memory.ram, frame * PAGE_SIZE);
    } catch (error) {
      // A page fetched from a store may be damaged.
      this.freed.push(frame);
      throw error;
    }
    this.count.copies++;
    this.enterClean(frame, page.leaf, 1);
    return frame;
  }

  /** Returns the clean frame of zeros, for one more user. Throws OutOfFramesError. */
  acquireZero(): number {
    const hit = this.acquireHit(ZERO_LEAF);
    if (hit !== undefined) return hit;
    const frame = this.allocate();
    this.clear(frame);
    this.enterClean(frame, ZERO_LEAF, 1);
    return frame;
  }

  /**
   * Returns a private frame of zeros with one user, as `acquireZero` followed by `makePrivate` would; undefined if
   * there already is a clean frame of zeros, in which case those two must be used. Throws OutOfFramesError.
   */
  acquirePrivateZero(): number | undefined {
    if (this.frameByLeaf.has(ZERO_LEAF)) return undefined;
    const frame = this.allocate();
    this.clear(frame);
    this.enter(frame, PRIVATE, 1);
    return frame;
  }

  /** Allocates a private frame of zeros for a page table, with one user. Throws OutOfFramesError. */
  allocateTable(): number {
    const frame = this.allocate();
    this.clear(frame);
    this.enter(frame, TABLE, 1);
    return frame;
  }

  /**
   * Copy-on-write: replaces one user's clean frame by a private frame with the same bytes, which is the same frame if
   * it has no other user, else a copy. If it throws OutOfFramesError, the user keeps the clean frame.
   */
  makePrivate(frame: number): number {
    const slot = this.slotOf(frame, CLEAN);
    if (this.users[slot]! === 1) {
      this.codeChanged(frame);
      this.leaveIndex(frame);
      this.enter(frame, PRIVATE, 1);
      return frame;
    }
    const copy = this.copyOf(frame);
    this.users[slot]!--;
    return copy;
  }

  /** Adds a user to a private frame. While there are several, none of them may write it: see `ownPrivate`. */
  share(frame: number): void {
    this.users[this.slotOf(frame, PRIVATE)]!++;
  }

  /**
   * Copy-on-write among the users of a private frame: replaces it for one of them by a private frame of its own, which is the
   * same frame if it has no other user, else a copy. If it throws OutOfFramesError, nothing has changed.
   */
  ownPrivate(frame: number): number {
    const slot = this.slotOf(frame, PRIVATE);
    if (this.users[slot]! === 1) return frame;
    const copy = this.copyOf(frame);
    this.users[slot]!--;
    return copy;
  }

  /** Makes a VMO page with the current bytes of a frame. The caller must close the handle. */
  snapshot(frame: number): VmoHandle {
    this.slotOf(frame);
    return this.store.page(this.bytesOf(frame));
  }

  /**
   * Makes a private frame clean. Returns the frame that its users have from now on, which is another one if a clean
   * frame already holds the same bytes. A clean frame is unchanged. `knownLeaf`: the hash of its bytes, if the caller
   * already knows it.
   */
  commit(frame: number, knownLeaf?: string): number {
    if (this.states[this.slotOf(frame)] === CLEAN) return frame;
    const users = this.users[this.slotOf(frame, PRIVATE)]!;
    const leaf = knownLeaf ?? this.leafOf(frame);
    const equal = this.frameByLeaf.get(leaf);
    if (equal === undefined) {
      this.enterClean(frame, leaf, users);
      return frame;
    }
    this.addUsers(equal, users);
    this.count.hits++;
    this.free(frame);
    return equal;
  }

  /** Releases one use. An unused clean frame stays cached; a private frame or a table is freed. */
  release(frame: number): void {
    const slot = this.slotOf(frame);
    if (--this.users[slot]! > 0) return;
    if (this.states[slot] === CLEAN) this.idle.push(frame);
    else this.free(frame);
  }

  /**
   * The identity of a frame's code: the leaf hash of a clean frame; undefined if the frame can change and must be
   * watched.
   */
  codeIdentity(frame: number): string | undefined {
    return this.leafBySlot[frame - this.firstFrame];
  }

  /** Whether a frame is private: its only user may write it, and its bytes are indexed nowhere. */
  isPrivate(frame: number): boolean {
    return this.states[frame - this.firstFrame] === PRIVATE;
  }

  /** Number of users of a frame; 0 if it is free or idle. */
  usersOf(frame: number): number {
    return this.users[frame - this.firstFrame] ?? 0;
  }

  /** One past the last frame that was ever used; frames from there on hold the zeros that memory begins with. */
  get usedEnd(): number {
    return this.neverUsed;
  }

  private indexLeaves(): void {
    this.frameByLeaf.clear();
    this.leafBySlot.forEach((leaf, slot) => {
      if (leaf !== undefined) this.frameByLeaf.set(leaf, slot + this.firstFrame);
    });
  }

  private acquireHit(leaf: string): number | undefined {
    const frame = this.frameByLeaf.get(leaf);
    if (frame === undefined) return undefined;
    this.addUsers(frame, 1);
    this.count.hits++;
    return frame;
  }

  private addUsers(frame: number, count: number): void {
    const slot = frame - this.firstFrame;
    if (this.users[slot] === 0) this.idle.remove(frame);
    this.users[slot]! += count;
  }

  /** Takes an empty frame that is about to get a state. */
  private allocate(): number {
    const frame = this.freed.pop() ?? this.takeUnused() ?? this.dropIdle();
    this.count.allocated++;
    return frame;
  }

  private takeUnused(): number | undefined {
    if (this.neverUsed === this.endFrame) return undefined;
    this.leafBySlot.push(undefined);
    return this.neverUsed++;
  }

  private dropIdle(): number {
    const frame = this.idle.shift();
    if (frame === undefined)
      throw new OutOfFramesError(
        `all ${this.endFrame - this.firstFrame} frames are in use: ${this.inState[CLEAN]} clean and mapped, ` +
          `${this.inState[PRIVATE]} private, ${this.inState[TABLE]} tables`,
      );
    this.codeChanged(frame);
    this.leaveIndex(frame);
    this.enter(frame, FREE, 0);
    this.count.evictions++;
    return frame;
  }

  private free(frame: number): void {
    this.codeChanged(frame);
    this.enter(frame, FREE, 0);
    this.freed.push(frame);
  }

  private enterClean(frame: number, leaf: string, users: number): void {
    this.frameByLeaf.set(leaf, frame);
    this.leafBySlot[frame - this.firstFrame] = leaf;
    this.enter(frame, CLEAN, users);
  }

  private leaveIndex(frame: number): void {
    const slot = frame - this.firstFrame;
    this.frameByLeaf.delete(this.leafBySlot[slot]!);
    this.leafBySlot[slot] = undefined;
  }

  private enter(frame: number, state: number, users: number): void {
    const slot = frame - this.firstFrame;
    this.inState[this.states[slot]!]!--;
    this.inState[state]!++;
    this.states[slot] = state;
    this.users[slot] = users;
  }

  /** The leaf hash of a frame, computed by the store, which already has it if it holds an equal hashed page. */
  private leafOf(frame: number): string {
    const handle = this.snapshot(frame);
    const { leaf } = handle.page(0);
    handle.close();
    return leaf;
  }

  /** A private frame with one user and the bytes of another frame. */
  private copyOf(frame: number): number {
    const copy = this.allocate();
    this.memory.mark(copy * PAGE_SIZE, PAGE_SIZE);
    this.memory.ram.copyWithin(copy * PAGE_SIZE, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    this.count.copies++;
    this.enter(copy, PRIVATE, 1);
    return copy;
  }

  private clear(frame: number): void {
    this.memory.mark(frame * PAGE_SIZE, PAGE_SIZE);
    this.memory.ram.fill(0, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
  }

  private bytesOf(frame: number): Uint8Array {
    return this.memory.ram.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
  }

  /** The slot of a frame that has users and, if `state` is given, is in that state. */
  private slotOf(frame: number, state?: number): number {
    const slot = frame - this.firstFrame;
    const actual = this.states[slot] ?? FREE;
    if (actual === FREE || this.users[slot] === 0)
      throw new FrameStateError(`frame ${frame} has no user: it is ${actual === CLEAN ? 'idle' : STATE_NAMES[actual]}`);
    if (state !== undefined && actual !== state)
      throw new FrameStateError(`frame ${frame} is ${STATE_NAMES[actual]}, not ${STATE_NAMES[state]}`);
    return slot;
  }
}
