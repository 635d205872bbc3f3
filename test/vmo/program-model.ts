/**
 * Random programs on a VmoStore and on plain byte arrays in parallel. The model determines the content of every VMO,
 * and which pages the store must keep for it: those of all extents that the VMO was made from, until its identity is
 * requested; then its own.
 */

import type { VmoBuilder } from '../../src/vmo/content/builder.js';
import { PageFormat } from '../../src/vmo/content/canonical-form.js';
import { exportRecords, exportVmo } from '../../src/vmo/records/canonical-stream.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { prove, verifyProof } from '../../src/vmo/records/inclusion-proof.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { MemoryRecords } from './memory-records.js';
import { assertEqual, assertSame, flatId, flatLeaf, flatPage, nativeHash, noise } from './model.js';

/** A number that is scaled to its use later, often to whole pages. */
interface Place {
  readonly part: number;
  readonly isPage: boolean;
}

/** Bytes: how many, in pages and single ones, and of which kind. Few kinds, so that pages are often equal. */
interface Content {
  readonly pages: number;
  readonly more: number;
  readonly seed: number;
}

interface Writing {
  readonly how: 'append' | 'write' | 'patch' | 'copy';
  readonly base: number;
  readonly at: Place;
  readonly length: Place;
  readonly content: Content;
}

/** A step of a program. */
export type Step =
  | { readonly do: 'bytes'; readonly content: Content }
  | { readonly do: 'zeros'; readonly pages: number; readonly more: number }
  | { readonly do: 'build'; readonly writings: readonly Writing[] }
  | {
      readonly do: 'slice' | 'read' | 'page' | 'prove';
      readonly base: number;
      readonly at: Place;
      readonly length: Place;
    }
  | { readonly do: 'concat'; readonly parts: readonly number[] }
  | { readonly do: 'delta'; readonly base: number; readonly patches: readonly { at: Place; content: Content }[] }
  | { readonly do: 'diff'; readonly base: number; readonly other: number }
  | { readonly do: 'id' | 'open' | 'pages' | 'save' | 'reopen' | 'stream' | 'close'; readonly base: number }
  | { readonly do: 'drop' };

const index = fc.nat({ max: 1000 });
const place = fc.record({ part: fc.double({ min: 0, max: 1, noNaN: true }), isPage: fc.boolean() });
const content = fc.record({
  pages: fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 3 }) }, { weight: 1, arbitrary: fc.nat({ max: 20 }) }),
  more: fc.constantFrom(0, 0, 1, 2, 3, -1),
  seed: fc.nat({ max: 3 }),
});
const writing = fc.record({
  how: fc.constantFrom('append' as const, 'append' as const, 'write' as const, 'patch' as const, 'copy' as const),
  base: index,
  at: place,
  length: place,
  content,
});

/** Programs, of up to 40 steps. */
export const programs: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ do: fc.constant('bytes' as const), content }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('zeros' as const), pages: fc.nat({ max: 40 }), more: fc.nat({ max: 3 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('build' as const), writings: fc.array(writing, { maxLength: 6 }) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom('slice' as const, 'slice' as const, 'read' as const, 'page' as const, 'prove' as const),
        base: index,
        at: place,
        length: place,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('concat' as const), parts: fc.array(index, { maxLength: 4 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('delta' as const),
        base: index,
        patches: fc.array(fc.record({ at: place, content }), { maxLength: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('diff' as const), base: index, other: index }) },
    {
      weight: 7,
      arbitrary: fc.record({
        do: fc.constantFrom(
          ...(['id', 'open', 'pages', 'save', 'reopen', 'reopen', 'stream', 'close', 'close', 'close'] as const),
        ),
        base: index,
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const) }) },
  ),
  { minLength: 1, maxLength: 40, size: 'max' },
);

/** Distinct pages, not of zeros, that something keeps. */
interface Kept {
  /** It keeps these. */
  readonly surely: ReadonlySet<string>;
  /** It may keep these: they can be fetched from a RecordStore, and may be there or not. */
  readonly perhaps: ReadonlySet<string>;
}

interface ModelPiece extends Kept {
  readonly length: number;
}

const NONE: ReadonlySet<string> = new Set();

/** A VMO and its expected bytes. Several handles may share it. */
class ModelVmo {
  handles = 0;
  id: string | undefined;
  isCanonical = false;
  readonly remembered = new Set<string>();

  constructor(
    readonly flat: Uint8Array,
    public pieces: readonly ModelPiece[],
  ) {}

  get isLocal(): boolean {
    return this.pieces.every(({ perhaps }) => perhaps.size === 0);
  }
}

interface Held {
  readonly vmo: VmoHandle;
  readonly model: ModelVmo;
}

/** A store, the model of it, and a RecordStore that outlives its VMOs. */
export class ProgramRun {
  private readonly store: VmoStore;
  private readonly format: PageFormat;
  private readonly held: Held[] = [];
  private readonly records = new MemoryRecords();
  private readonly saved: { id: string; flat: Uint8Array }[] = [];
  /** Identities that can be opened: the VMOs for which they were requested, and the pages kept for them. */
  private readonly published = new Map<string, { vmos: number; kept: Kept }>();

  constructor(private readonly pageShift: number) {
    this.format = new PageFormat(pageShift);
    this.store = new VmoStore(nativeHash, this.format);
    this.take({ do: 'bytes', content: { pages: 2, more: 1, seed: 5 } });
  }

  /** Executes a step and compares the store with the model. */
  take(step: Step): void {
    const made = this.make(step);
    if (made === undefined) this.ask(step);
    else this.hold(made.vmo, made.model);
    this.checkCounts();
  }

  /** Reads everything once more, and closes it. */
  finish(): void {
    for (const { vmo, model } of [...this.held]) {
      assertSame(vmo.read(0, vmo.length), model.flat, 'content at the end');
      this.take({ do: 'id', base: this.held.findIndex((held) => held.vmo === vmo) });
      assertSame(vmo.read(0, vmo.length), model.flat, 'content, once hashed');
    }
    while (this.held.length > 0) this.close(0);
    assertEqual(this.store.counters.pagesStored, 0, 'pages stored after the last handle');
    assertEqual(this.store.counters.published, 0, 'identities after the last handle');
  }

  private pick(base: number): Held {
    return this.held[base % this.held.length]!;
  }

  private hold(vmo: VmoHandle, model: ModelVmo): void {
    model.handles++;
    this.held.push({ vmo, model });
  }

  private make(step: Step): Held | undefined {
    const { store } = this;
    switch (step.do) {
      case 'bytes': {
        const flat = this.bytesOf(step.content);
        return { vmo: store.fromBytes(flat), model: new ModelVmo(flat, [this.pieceOf(flat)]) };
      }
      case 'zeros': {
        const flat = new Uint8Array(step.pages * this.format.pageSize + step.more);
        return { vmo: store.zeros(flat.length), model: new ModelVmo(flat, [this.pieceOf(flat)]) };
      }
      case 'build':
        return this.build(step.writings);
      case 'slice': {
        const { vmo, model } = this.pick(step.base);
        const from = this.scaled(step.at, vmo.length);
        const length = this.scaled(step.length, vmo.length - from);
        const made = store.slice(vmo, from, length);
        return { vmo: made, model: length === model.flat.length ? model : sliceOf(model, from, length) };
      }
      case 'concat':
        return this.concat(step.parts.map((part) => this.pick(part)));
      case 'delta':
        return this.delta(this.pick(step.base), step.patches);
      case 'open':
        return this.open(this.pick(step.base));
      case 'reopen':
        return this.reopen(step.base);
      default:
        return undefined;
    }
  }

  private concat(parts: readonly Held[]): Held | undefined {
    const models = parts.map(({ model }) => model).filter(({ flat }) => flat.length > 0);
    const flat = new Uint8Array(Buffer.concat(models.map((model) => model.flat)));
    if (this.isTooLong(flat.length)) return undefined;
    const vmo = this.store.concat(parts.map((part) => part.vmo));
    const model =
      models.length === 1
        ? models[0]!
        : new ModelVmo(
            flat,
            models.flatMap(({ pieces }) => pieces),
          );
    return { vmo, model };
  }

  private delta({ vmo, model }: Held, drawn: readonly { at: Place; content: Content }[]): Held {
    const limit = model.flat.length;
    const patches = drawn.map(({ at, content }) => {
      const bytes = this.bytesOf(content).subarray(0, limit);
      return { offset: this.scaled(at, limit - bytes.length), bytes };
    });
    const flat = model.flat.slice();
    let { pieces } = model;
    for (const { offset, bytes } of patches) {
      flat.set(bytes, offset);
      pieces = overlaid(pieces, offset, [this.pieceOf(bytes)]);
    }
    const isSame = patches.every(({ bytes }) => bytes.length === 0);
    return { vmo: this.store.delta(vmo, patches), model: isSame ? model : new ModelVmo(flat, pieces) };
  }

  private build(writings: readonly Writing[]): Held {
    const builder = this.store.builder();
    const model = new ModelBuilder(this.format.pageSize, (bytes) => this.pieceOf(bytes));
    for (const writing of writings) this.follow(writing, builder, model);
    assertEqual(builder.length, model.flat.length, 'length of a builder');
    const vmo = builder.commit({ steps: `${writings.length}` });
    assertEqual(vmo.tags.get('steps'), `${writings.length}`, 'tag');
    return { vmo, model: new ModelVmo(model.flat, model.settled()) };
  }

  private follow({ how, base, at, length, content }: Writing, builder: VmoBuilder, model: ModelBuilder): void {
    const bytes = this.bytesOf(content);
    if (how === 'copy') {
      const source = this.pick(base);
      const from = this.scaled(at, source.vmo.length);
      const count = this.scaled(length, source.vmo.length - from);
      if (this.isTooLong(model.flat.length + count)) return;
      builder.copyFrom(source.vmo, from, count);
      model.copy(source.model.flat.subarray(from, from + count), cut(source.model.pieces, from, count));
    } else if (this.isTooLong(model.flat.length + 2 * bytes.length)) return;
    else if (how === 'append') {
      builder.append(bytes);
      model.append(bytes);
    } else if (how === 'write') {
      const offset = this.scaled(at, model.flat.length + bytes.length);
      builder.write(offset, bytes);
      model.write(offset, bytes);
    } else {
      const part = bytes.subarray(0, model.flat.length);
      const offset = this.scaled(at, model.flat.length - part.length);
      builder.patch(offset, part);
      model.write(offset, part);
    }
  }

  private open(held: Held): Held {
    const id = this.identify(held);
    const opened = this.store.open(id);
    return this.heldOf(opened, id, held.model.flat);
  }

  private reopen(base: number): Held | undefined {
    if (this.saved.length === 0) return undefined;
    const { id, flat } = this.saved[base % this.saved.length]!;
    return this.heldOf(this.store.openFrom(this.records, id), id, flat);
  }

  /** What was opened by its id: what is published, or else what the records have. */
  private heldOf(vmo: VmoHandle | undefined, id: string, flat: Uint8Array): Held {
    if (vmo === undefined) throw new Error(`* ${id} cannot be opened`);
    const pages = pagesOf(flat, this.format.pageSize);
    const kept = this.published.get(id)?.kept ?? { surely: NONE, perhaps: pages };
    const model = new ModelVmo(flat, [{ length: flat.length, ...kept }]);
    this.publish(model, id);
    return { vmo, model };
  }

  private ask(step: Step): void {
    if (step.do === 'drop') return this.store.dropFetched();
    if (!('base' in step)) return;
    const held = this.pick(step.base);
    const { vmo, model } = held;
    const pages = this.format.pagesOf(model.flat.length);
    if (step.do === 'read') {
      const from = this.scaled(step.at, vmo.length);
      const length = this.scaled(step.length, vmo.length - from);
      assertSame(vmo.read(from, length), model.flat.subarray(from, from + length), `read ${from} + ${length}`);
    } else if (step.do === 'page' && pages > 0) this.checkPage(held, Math.floor(step.at.part * (pages - 1)));
    else if (step.do === 'pages') for (let page = 0; page < pages; page++) this.checkPage(held, page);
    else if (step.do === 'prove' && pages > 0) this.checkProof(held, Math.floor(step.at.part * (pages - 1)));
    else if (step.do === 'id') this.identify(held);
    else if (step.do === 'diff') this.checkDifference(held, this.pick(step.other));
    else if (step.do === 'save') this.save(held);
    else if (step.do === 'stream') this.checkStream(held);
    else if (step.do === 'close' && this.held.length > 1) this.close(step.base % this.held.length);
  }

  private identify({ vmo, model }: Held): string {
    const { id } = vmo;
    assertEqual(id, flatId(model.flat, this.pageShift), 'id');
    this.publish(model, id);
    return id;
  }

  private publish(model: ModelVmo, id: string): void {
    this.canonicalise(model);
    if (model.id !== undefined) return;
    model.id = id;
    const entry = this.published.get(id);
    if (entry === undefined)
      this.published.set(id, { vmos: 1, kept: model.pieces[0] ?? { surely: NONE, perhaps: NONE } });
    else entry.vmos++;
  }

  /** Its own pages replace those that it was made from. */
  private canonicalise(model: ModelVmo): void {
    if (model.isCanonical) return;
    const pages = pagesOf(model.flat, this.format.pageSize);
    const { isLocal } = model;
    const kept = isLocal ? { surely: pages, perhaps: NONE } : { surely: NONE, perhaps: pages };
    model.pieces = model.flat.length === 0 ? [] : [{ length: model.flat.length, ...kept }];
    model.remembered.clear();
    model.isCanonical = true;
  }

  private checkPage({ vmo, model }: Held, page: number): void {
    const { pageSize } = this.format;
    const wanted = flatPage(model.flat, page, pageSize);
    const found = vmo.page(page);
    assertEqual(found.leaf, flatLeaf(wanted), `leaf ${page}`);
    const target = new Uint8Array(pageSize);
    found.copyTo(target);
    assertSame(target, wanted, `page ${page}`);
    for (const key of pagesOf(wanted, pageSize)) model.remembered.add(key);
  }

  private checkProof(held: Held, page: number): void {
    const id = this.identify(held);
    const { length } = held.vmo;
    const proof = prove(held.vmo, page);
    const bytes = flatPage(held.model.flat, page, this.format.pageSize);
    const isProof = (bytes: Uint8Array): boolean =>
      verifyProof(id, length, page, bytes, proof, nativeHash, this.format);
    assertEqual(isProof(bytes), true, `proof of page ${page}`);
    bytes[0]! ^= 1;
    assertEqual(isProof(bytes), false, `proof of another page ${page}`);
  }

  private checkDifference(a: Held, b: Held): void {
    const ranges = [...this.store.diff(a.vmo, b.vmo)];
    this.canonicalise(a.model);
    this.canonicalise(b.model);
    const found = ranges.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
    const { pageSize } = this.format;
    const pages = this.format.pagesOf(Math.max(a.vmo.length, b.vmo.length));
    const cutPage = ({ model }: Held, i: number) => Buffer.from(model.flat.subarray(i * pageSize, (i + 1) * pageSize));
    const wanted = Array.from({ length: pages }, (_, i) => i).filter((i) => !cutPage(a, i).equals(cutPage(b, i)));
    assertEqual(found.join(), wanted.join(), 'pages that differ');
  }

  private save(held: Held): void {
    const before = this.records.records.size;
    const put = this.store.saveTo(this.records, held.vmo);
    const id = this.identify(held);
    assertEqual(this.records.records.size - before, put, 'records put');
    if (!this.saved.some((one) => one.id === id)) this.saved.push({ id, flat: held.model.flat });
  }

  private checkStream(held: Held): void {
    const stream = Buffer.concat([...exportVmo(held.vmo)]);
    const id = this.identify(held);
    const other = new VmoStore(nativeHash, this.format);
    const imported = other.importStream(
      [stream.subarray(0, stream.length >> 1), stream.subarray(stream.length >> 1)],
      id,
    );
    assertSame(imported.read(0, imported.length), held.model.flat, 'imported');
    if (!this.saved.some((one) => one.id === id)) return;
    assertSame(
      Buffer.concat([...exportRecords(this.records, id, nativeHash, this.format)!]),
      stream,
      'stream of records',
    );
  }

  private close(at: number): void {
    const { vmo, model } = this.held[at]!;
    vmo.close();
    this.held.splice(at, 1);
    if (--model.handles > 0 || model.id === undefined) return;
    const entry = this.published.get(model.id)!;
    if (--entry.vmos === 0) this.published.delete(model.id);
  }

  private checkCounts(): void {
    const surely = new Set<string>();
    const perhaps = new Set<string>();
    const keep = (kept: Kept): void => {
      for (const page of kept.surely) surely.add(page);
      for (const page of kept.perhaps) perhaps.add(page);
    };
    for (const { model } of this.held) {
      model.pieces.forEach(keep);
      keep(model.isLocal ? { surely: model.remembered, perhaps: NONE } : { surely: NONE, perhaps: model.remembered });
    }
    for (const { kept } of this.published.values()) keep(kept);
    const most = new Set([...surely, ...perhaps]).size;
    const { pagesStored, published } = this.store.counters;
    if (pagesStored < surely.size || pagesStored > most)
      throw new Error(`* ${pagesStored} pages stored, not ${surely.size} to ${most}`);
    assertEqual(published, this.published.size, 'identities that can be opened');
  }

  private bytesOf({ pages, more, seed }: Content): Uint8Array {
    const length = Math.max(0, pages * this.format.pageSize + more);
    if (seed === 0) return new Uint8Array(length);
    return seed === 1 ? new Uint8Array(length).fill(7) : noise(length, seed);
  }

  private pieceOf(flat: Uint8Array): ModelPiece {
    return { length: flat.length, surely: pagesOf(flat, this.format.pageSize), perhaps: NONE };
  }

  private scaled({ part, isPage }: Place, limit: number): number {
    const unit = isPage ? this.format.pageSize : 1;
    return Math.min(limit, Math.round((part * limit) / unit) * unit);
  }

  private isTooLong(length: number): boolean {
    return length > 100 * this.format.pageSize;
  }
}

/** A model of VmoBuilder on flat bytes and pieces. */
class ModelBuilder {
  flat = new Uint8Array(0);
  private pieces: readonly ModelPiece[] = [];
  /** Where the bytes begin that were appended and are no piece yet. */
  private runStart = 0;

  constructor(
    private readonly pageSize: number,
    private readonly pieceOf: (bytes: Uint8Array) => ModelPiece,
  ) {}

  append(bytes: Uint8Array): void {
    this.flat = joined(this.flat, bytes);
  }

  copy(bytes: Uint8Array, pieces: readonly ModelPiece[]): void {
    this.pieces = [...this.settled(), ...pieces];
    this.flat = joined(this.flat, bytes);
    this.runStart = this.flat.length;
  }

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const settled = this.settled();
    const gap = Math.max(0, offset + bytes.length - this.flat.length);
    this.flat = joined(this.flat, new Uint8Array(gap));
    this.flat.set(bytes, offset);
    const zeros = { length: gap, surely: NONE, perhaps: NONE };
    this.pieces = overlaid([...settled, zeros], offset, [this.pieceOf(bytes)]);
    this.runStart = this.flat.length;
  }

  /** All as pieces. An appended run that does not begin with a page is cut where the next page does. */
  settled(): readonly ModelPiece[] {
    const run = this.flat.subarray(this.runStart);
    const first = (this.pageSize - (this.runStart % this.pageSize)) % this.pageSize;
    const parts = [run.subarray(0, first), run.subarray(first)].filter((part) => part.length > 0);
    return [...this.pieces, ...parts.map(this.pieceOf)];
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...a, ...b]);
}

/** The distinct pages of flat bytes, but for those of zeros. */
function pagesOf(flat: Uint8Array, pageSize: number): ReadonlySet<string> {
  const pages = new Set<string>();
  for (let at = 0; at < flat.length; at += pageSize) {
    const page = Buffer.from(flat.buffer, flat.byteOffset + at, Math.min(pageSize, flat.length - at));
    const key = page.toString('latin1').replace(/\0+$/, '');
    if (key !== '') pages.add(key);
  }
  return pages;
}

/** The pieces that `length` bytes from `from` lie in. */
function cut(pieces: readonly ModelPiece[], from: number, length: number): ModelPiece[] {
  const parts: ModelPiece[] = [];
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.length;
    const kept = Math.min(end, from + length) - Math.max(start, from);
    if (kept > 0) parts.push({ ...piece, length: kept });
    start = end;
  }
  return parts;
}

function overlaid(pieces: readonly ModelPiece[], offset: number, patch: readonly ModelPiece[]): ModelPiece[] {
  const length = patch.reduce((sum, piece) => sum + piece.length, 0);
  return [...cut(pieces, 0, offset), ...patch, ...cut(pieces, offset + length, Infinity)];
}

function sliceOf(model: ModelVmo, from: number, length: number): ModelVmo {
  return new ModelVmo(model.flat.slice(from, from + length), cut(model.pieces, from, length));
}

/** Runs a program from beginning to end. */
export function runProgram(pageShift: number, steps: readonly Step[]): void {
  const run = new ProgramRun(pageShift);
  for (const step of steps) run.take(step);
  run.finish();
}
