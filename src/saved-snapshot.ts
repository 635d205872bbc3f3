/**
 * Saved snapshots: a machine's whole state at one tick as the content of a VMO. docs/saved-snapshots.md describes the format.
 */
import { bytesToHex, PAGE_SIZE, roundUp } from './bits.js';
import { MAX_RAM_BYTES } from './memory.js';
import type { Snapshot } from './snapshot.js';
import { writeGraph } from './state/saved-graph.js';
import { SavedSnapshotError, ValueReader, ValueWriter } from './state/saved-values.js';
import type { Packed } from './state/schema.js';
import { imageOf, pagesOf, type MemoryImage } from './vmo/frames/memory-image.js';
import { VmoHandle } from './vmo/handle.js';
import { ContentSaver } from './vmo/saved/content-saver.js';
import type { VmoStore } from './vmo/store.js';

/** The options of a machine that its behaviour depends on. */
export interface MachineLimits {
  readonly memoryBytes: number;
  readonly writeBackBytes: number;
  readonly vmoBytes: number;
  readonly hostBytes: number;
  /** 'bare': of a bare machine, which has neither that nor the quotas, which are 0. */
  readonly clock: 'free' | 'real' | 'bare';
  /** The model of the processor, by its name. */
  readonly cpu: string;
  /** The devices of a bare machine, in its own words; else the empty text. */
  readonly devices?: string | undefined;
}

/** What a saved snapshot consists of, but for the state graph and the content that it leads to, which `source` is at. */
export interface SavedSnapshot {
  readonly tick: number;
  readonly limits: MachineLimits;
  readonly memory: MemoryImage;
  readonly source: ValueReader;
  /** A page of content. */
  readonly page: (number: number) => Uint8Array;
}

/**
 * The first page:
 *
 *     0  "BD0SNAP" 0A    8  version:u32    12  0:u32    16  bytes of the state:u64    24  id of all that follows the page[32]
 */
const MAGIC = [...'BD0SNAP\n'].map((character) => character.charCodeAt(0));
const VERSION = 2;
const AT = { version: 8, stateBytes: 16, id: 24, end: 56 } as const;

const CLOCKS: readonly string[] = ['free', 'real', 'bare'];
const LIMITS = ['memoryBytes', 'writeBackBytes', 'vmoBytes', 'hostBytes'] as const;

/** Saves a snapshot of a machine with `content` as its store as a VMO of `target`. */
export function saveSnapshot(
  { tick, graph, memory }: Snapshot,
  limits: MachineLimits,
  content: VmoStore,
  target: VmoStore,
): VmoHandle {
  const pages = new Map<Uint8Array, number>();
  const savePage = (bytes: Uint8Array): number => {
    const number = pages.get(bytes) ?? pages.size;
    pages.set(bytes, number);
    return number;
  };
  const devices = limits.clock === 'bare' ? [limits.devices ?? ''] : [];
  const state = new ValueWriter().value([
    tick,
    ...LIMITS.map((name) => limits[name]),
    limits.clock,
    limits.cpu,
    ...devices,
  ]);
  const frames = [...pagesOf(memory)];
  state.count(frames.length);
  for (const [frame, page] of frames) state.count(frame).count(savePage(page));
  const saver = new ContentSaver(content.parts.shared.hasher, savePage);
  const saved = new ValueWriter();
  writeGraph(graph, saved, saver);
  saver.writeTo(state);
  state.raw(saved.written);
  return assemble(state.written, pages.keys(), target);
}

function assemble(state: Uint8Array, pages: Iterable<Uint8Array>, target: VmoStore): VmoHandle {
  const builder = target.builder();
  const padded = (bytes: Uint8Array): void => {
    builder.append(bytes);
    builder.append(new Uint8Array(roundUp(bytes.length, PAGE_SIZE) - bytes.length));
  };
  padded(state);
  for (const page of pages) padded(page);
  const body = builder.commit();
  const header = new Uint8Array(PAGE_SIZE);
  const view = new DataView(header.buffer);
  header.set(MAGIC);
  view.setUint32(AT.version, VERSION, true);
  view.setBigUint64(AT.stateBytes, BigInt(state.length), true);
  for (let at = 0; at < 32; at++) header[AT.id + at] = Number.parseInt(body.contentId.slice(2 * at, 2 * at + 2), 16);
  const first = target.page(header);
  try {
    return target.concat([first, body]);
  } finally {
    first.close();
    body.close();
  }
}

/** Whether a VMO begins as saved snapshots do. */
export function isSavedSnapshot(vmo: VmoHandle): boolean {
  const start = vmo.read(0, Math.min(MAGIC.length, vmo.length));
  return MAGIC.every((byte, at) => start[at] === byte);
}

/** Reads a saved snapshot, up to its content. Its VMO stays in use. Throws SavedSnapshotError. */
export function readSavedSnapshot(saved: VmoHandle): SavedSnapshot {
  const { body, stateBytes } = openBody(saved);
  const source = new ValueReader(body.read(0, stateBytes));
  const firstPage = roundUp(stateBytes, PAGE_SIZE);
  const page = (number: number): Uint8Array => {
    const at = firstPage + number * PAGE_SIZE;
    if (!(at + PAGE_SIZE <= body.length)) throw source.malformed();
    return body.read(at, PAGE_SIZE);
  };
  const [tick, limits] = readLimits(source);
  const frames: [number, Uint8Array][] = [];
  for (let left = source.countOfItems(2); left > 0; left--) {
    const frame = source.count();
    if (frame >= limits.memoryBytes / PAGE_SIZE) throw source.malformed();
    frames.push([frame, page(source.count())]);
  }
  return { tick, limits, memory: imageOf(frames), source, page };
}

/** What follows the first page, verified, by a handle of its own. */
function openBody(saved: VmoHandle): { body: VmoHandle; stateBytes: number } {
  const header = saved.read(0, Math.min(PAGE_SIZE, saved.length));
  if (header.length < PAGE_SIZE || !isSavedSnapshot(saved))
    throw new SavedSnapshotError('this is not a saved snapshot');
  const view = new DataView(header.buffer);
  const version = view.getUint32(AT.version, true);
  if (version !== VERSION)
    throw new SavedSnapshotError(`the snapshot was saved in version ${version} of the format, and this is ${VERSION}`);
  const stateBytes = Number(view.getBigUint64(AT.stateBytes, true));
  const body = new VmoHandle(saved.content.part(PAGE_SIZE, saved.length - PAGE_SIZE));
  const isSound =
    view.getUint32(AT.version + 4, true) === 0 &&
    header.subarray(AT.end).every((byte) => byte === 0) &&
    body.length % PAGE_SIZE === 0 &&
    stateBytes <= body.length &&
    bytesToHex(header.subarray(AT.id, AT.end)) === body.contentId;
  if (isSound) return { body, stateBytes };
  body.close();
  throw new SavedSnapshotError('the saved snapshot is damaged: its content does not match its first page');
}

function readLimits(source: ValueReader): [tick: number, limits: MachineLimits] {
  const fields = source.value() as readonly Packed[];
  const count = 3 + LIMITS.length;
  if (!Array.isArray(fields) || fields.length !== (fields[count - 2] === 'bare' ? count + 1 : count))
    throw source.malformed();
  const [tick, memoryBytes, writeBackBytes, vmoBytes, hostBytes, clock, cpu, devices] = fields as readonly Packed[];
  if (!(typeof memoryBytes === 'number' && memoryBytes >= PAGE_SIZE && memoryBytes <= MAX_RAM_BYTES))
    throw source.malformed();
  const numbers = [tick, memoryBytes, writeBackBytes, vmoBytes, hostBytes];
  if (!numbers.every((item) => typeof item === 'number' && item >= 0) || !CLOCKS.includes(clock as string))
    throw source.malformed();
  if (typeof cpu !== 'string' || (clock === 'bare' && typeof devices !== 'string')) throw source.malformed();
  return [tick, { memoryBytes, writeBackBytes, vmoBytes, hostBytes, clock, cpu, devices }] as [number, MachineLimits];
}
