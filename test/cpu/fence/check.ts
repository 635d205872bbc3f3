/** Checks that every engine applies a write fence correctly to the stores of single instructions. */
import { hex } from '../../../src/bits.js';
import { Decoder } from '../../../src/cpu/decode/decoder.js';
import type { RefusedStore } from '../../../src/cpu/state/events.js';
import type { FenceVerdict } from '../../../src/cpu/evaluator/fenced-execution.js';
import { WriteFence, type AddressRange } from '../../../src/mmu/fence.js';
import { describeBytes } from '../../oracle/case.js';
import { formatGuestDifference, sameGuestState } from '../meanings/compare.js';
import { makeMeaningCase, type MeaningCase } from '../meanings/generate.js';
import { Guest, type FencedRun, type GuestState } from '../meanings/guest.js';

const ADDRESS_SPACE_END = 2 ** 48;
/** Maximum number of failures that are described. */
const MOST_FAILURES = 20;
const NOTHING = new WriteFence([]);

/** The effect of an instruction without a fence. */
interface Unfenced {
  readonly c: MeaningCase;
  readonly before: GuestState;
  readonly after: GuestState;
  /** All bytes that it stores, as reported by a fence that owns nothing. */
  readonly stores: readonly RefusedStore[];
}

/** A store that straddles the edge of what is owned: its first `bytes` bytes lie outside, or its last ones. */
interface Straddle {
  readonly store: RefusedStore;
  readonly bytes: number;
  readonly outside: 'first' | 'last';
}

export class FenceCheck {
  readonly decoder = new Decoder();
  readonly failures: string[] = [];
  /** Forms that were seen to store, and for each of them the widths of its stores in bytes. */
  readonly widths = new Map<number, Set<number>>();
  /** Stores that were refused, by engine. */
  refusals = { evaluator: 0, interpreter: 0, auto: 0 };
  private readonly evaluator = new Guest('evaluator');
  private readonly interpreter = new Guest('interpreter');
  private readonly translator = new Guest('auto');

  constructor(private readonly seed: number) {}

  /** Checks cases of a form, at most `most`, until a number of them have stored something; returns how many have. */
  checkForm(formId: number, wanted: number, most: number): number {
    let stored = 0;
    for (let i = 0; i < most && stored < wanted; i++) {
      const c = makeMeaningCase(this.decoder, this.seed, formId + i * this.decoder.forms.length);
      const unfenced = this.runUnfenced(c);
      if (!unfenced || unfenced.stores.length === 0) continue;
      stored++;
      this.checkCase(unfenced, stored === 1);
    }
    return stored;
  }

  /**
   * Undefined if the instruction does not complete, since faults do not involve the fence, or if it stores outside the
   * windows.
   */
  private runUnfenced(c: MeaningCase): Unfenced | undefined {
    const { refused: before, stores } = this.evaluator.runFenced(c, NOTHING);
    if (before.event === 'fault' || before.event === 'trap' || stores.some((store) => !isInWindow(c, store)))
      return undefined;
    const after = this.evaluator.run(c, 1);
    if (after.event === 'fault' || after.event === 'trap') return undefined;
    const unfenced = { c, before, after, stores };
    if (before.event === 'refused') this.expectStores(unfenced);
    else this.expectNoStore(unfenced);
    this.widthsOf(c.form.id, stores);
    return unfenced;
  }

  private widthsOf(formId: number, stores: readonly RefusedStore[]): void {
    if (stores.length === 0) return;
    const widths = this.widths.get(formId) ?? new Set<number>();
    this.widths.set(formId, widths);
    for (const { start, end } of stores) widths.add(end - start);
  }

  /** An instruction that a fence does not refuse has changed no memory. */
  private expectNoStore({ c, after }: Unfenced): void {
    after.windows.forEach((window, i) => {
      if (Buffer.compare(window, c.contents[i]!) !== 0) this.fail(c, 'it stores, and no fence refuses it');
    });
  }

  /** The stores that a fence reports are exactly those made, and nothing else changes. */
  private expectStores({ c, after, stores }: Unfenced): void {
    const expected = c.contents.map((window) => window.slice());
    for (const store of stores) {
      if (Buffer.compare(store.before, bytesIn(c, c.contents, store)) !== 0)
        this.fail(c, 'the bytes before are others');
      putBytes(c, expected, store, store.after);
    }
    expected.forEach((window, i) => {
      if (Buffer.compare(window, after.windows[i]!) !== 0) this.fail(c, 'the bytes told are not those that are stored');
    });
  }

  private checkCase(unfenced: Unfenced, translate: boolean): void {
    for (const straddle of unfenced.stores.flatMap(straddlesOf)) {
      const length = straddle.store.end - straddle.store.start;
      const atEnd = straddle.bytes === 1 || straddle.bytes === length;
      this.checkStraddle(unfenced, straddle, 'skip', translate && atEnd);
      if (atEnd) this.checkStraddle(unfenced, straddle, 'allow', false);
    }
  }

  private checkStraddle(unfenced: Unfenced, straddle: Straddle, verdict: FenceVerdict, translate: boolean): void {
    const { c } = unfenced;
    const fence = fenceOf(straddle);
    const engines = { evaluator: this.evaluator, interpreter: this.interpreter, auto: this.translator };
    const runs = new Map<string, FencedRun>();
    for (const [name, engine] of Object.entries(engines)) {
      if (name === 'auto' && !translate) continue;
      const run = engine.runFenced(c, fence, verdict);
      this.refusals[name as keyof typeof engines]++;
      this.expectRefusal(unfenced, straddle, run, `${name}, ${verdict}`);
      this.expectVerdict(unfenced, straddle, verdict, run, name);
      runs.set(name, run);
    }
    const first = runs.get('evaluator')!;
    for (const [name, run] of runs)
      for (const stop of ['refused', 'after'] as const)
        if (!sameGuestState(first[stop], run[stop]))
          this.fail(c, `${name} (actual) differs ${stop}`, formatGuestDifference(first[stop], run[stop]));
  }

  /** Nothing has changed, one tick has passed, and exactly the bytes outside are reported. */
  private expectRefusal({ c, before, stores }: Unfenced, straddle: Straddle, run: FencedRun, name: string): void {
    const { refused } = run;
    if (refused.event !== 'refused' || refused.ticks !== 1)
      return this.fail(c, `${name}: no refusal, ${refused.event}`);
    const state = { ...refused, entries: before.entries };
    if (!sameGuestState(before, state)) this.fail(c, `${name}: changes`, formatGuestDifference(before, state));
    refused.windows.forEach((window, i) => {
      if (Buffer.compare(window, c.contents[i]!) !== 0) this.fail(c, `${name}: memory has changed`);
    });
    const told = run.stores.map(describeStore);
    const expected = stores.flatMap((store) => partsOutside(store, fenceOf(straddle))).map(describeStore);
    if (told.join() !== expected.join())
      this.fail(c, `${name}: tells ${told.join()} of ${describeStraddle(straddle)}, not ${expected.join()}`);
  }

  /** All effects, but with `skip` those on the bytes outside. */
  private expectVerdict(
    { c, after, stores }: Unfenced,
    straddle: Straddle,
    verdict: FenceVerdict,
    run: FencedRun,
    name: string,
  ): void {
    const windows = after.windows.map((window) => window.slice());
    if (verdict === 'skip')
      for (const part of stores.flatMap((store) => partsOutside(store, fenceOf(straddle))))
        putBytes(c, windows, part, part.before);
    const expected = { ...after, windows, ticks: after.ticks + 1, entries: run.after.entries };
    if (!sameGuestState(expected, run.after))
      this.fail(c, `${name}: ${verdict} of ${describeStraddle(straddle)}`, formatGuestDifference(expected, run.after));
  }

  private fail(c: MeaningCase, what: string, states = ''): void {
    if (this.failures.length >= MOST_FAILURES) return;
    const { encoding, mnemonic } = c.form.row;
    const where = `seed ${this.seed}, case ${c.number}: ${mnemonic} (${encoding}), ${describeBytes(c.oracle.bytes)}`;
    this.failures.push(`${where}\n${what}\n${states}`);
  }
}

function straddlesOf(store: RefusedStore): Straddle[] {
  const counts = Array.from({ length: store.end - store.start }, (_, i) => i + 1);
  return (['first', 'last'] as const).flatMap((outside) => counts.map((bytes) => ({ store, bytes, outside })));
}

function fenceOf({ store, bytes, outside }: Straddle): WriteFence {
  const owned =
    outside === 'first' ? { start: store.start + bytes, end: ADDRESS_SPACE_END } : { start: 0, end: store.end - bytes };
  return new WriteFence([owned]);
}

/** The part of a store that a fence with one range must refuse, by definition. */
function partsOutside(store: RefusedStore, { owned }: WriteFence): RefusedStore[] {
  const { start, end } = owned[0] ?? { start: 0, end: 0 };
  const cut = (from: number, to: number): RefusedStore => ({
    start: from,
    end: to,
    before: store.before.subarray(from - store.start, to - store.start),
    after: store.after.subarray(from - store.start, to - store.start),
  });
  const below = cut(store.start, Math.max(store.start, Math.min(store.end, start)));
  const above = cut(Math.min(store.end, Math.max(store.start, end)), store.end);
  return [below, above].filter((part) => part.start < part.end);
}

/** Location of a range in the windows of a case. */
function placeOf(c: MeaningCase, { start, end }: AddressRange): { window: number; offset: number } | undefined {
  const { windows } = c.oracle.memory;
  const window = windows.findIndex(
    ({ address, length }) => start >= Number(address) && end <= Number(address) + length,
  );
  return window < 0 ? undefined : { window, offset: start - Number(windows[window]!.address) };
}

function isInWindow(c: MeaningCase, range: AddressRange): boolean {
  return placeOf(c, range) !== undefined;
}

function bytesIn(c: MeaningCase, windows: readonly Uint8Array[], range: AddressRange): Uint8Array {
  const { window, offset } = placeOf(c, range)!;
  return windows[window]!.subarray(offset, offset + range.end - range.start);
}

function putBytes(c: MeaningCase, windows: Uint8Array[], range: AddressRange, bytes: Uint8Array): void {
  bytesIn(c, windows, range).set(bytes);
}

function describeStore({ start, before, after }: RefusedStore): string {
  return `${hex(start)} ${Buffer.from(before).toString('hex')} -> ${Buffer.from(after).toString('hex')}`;
}

function describeStraddle({ store, bytes, outside }: Straddle): string {
  return `${store.end - store.start} bytes at ${hex(store.start)}, the ${outside} ${bytes} outside`;
}
