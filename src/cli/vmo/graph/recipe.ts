/** Recipes describe the construction of a VMO as JSON: see test/vectors/vmo.json. `bd0 vmo explain` draws them. */
import { MAX_VMO_BYTES, type VmoHandle, type VmoStore } from '../../../index.js';
import { Failure } from '../../failure.js';
import { parseSize } from '../../size.js';
import type { GraphNode, NodeKind } from './graph.js';

/** Recipes within one another. */
const DEPTH_MAX = 500;

/** Bytes that a pattern may ask for. */
const PATTERN_MAX = 2 ** 30;

/** Bytes of a `bytes` extent or a patch that a drawing shows. */
const SHOWN_BYTES = 8;

/** An evaluated recipe. Recipes with the same text are the same extent. */
class RecipeNode implements GraphNode {
  readonly isCanonical = false;
  occurrences = 0;
  /** Its number among those that occur several times. */
  shared: number | undefined;

  constructor(
    readonly kind: NodeKind,
    private readonly name: string,
    readonly detail: string,
    readonly children: readonly RecipeNode[],
    readonly handle: VmoHandle,
    /** Its number among the extents of the recipe. */
    readonly serial: number,
    private readonly details: Readonly<Record<string, unknown>>,
  ) {}

  get label(): string {
    return [this.name, this.shared === undefined ? '' : `#${this.shared}`].filter((part) => part !== '').join(' ');
  }

  get facts(): Readonly<Record<string, unknown>> {
    return { ...this.details, length: this.handle.length };
  }
}

/** A recipe that was followed: the graph of its extents, and the VMO that it makes. */
export interface FollowedRecipe {
  readonly root: GraphNode;
  readonly handle: VmoHandle;
}

/** Evaluates the recipe in `text`. Throws Failure, with what is wrong in it. */
export function followRecipe(store: VmoStore, text: string): FollowedRecipe {
  const root = new RecipeReader(store).read(parse(text), 'recipe', 0);
  countOccurrences(root);
  return { root, handle: root.handle };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure(`the recipe is not JSON: ${(error as Error).message}`);
  }
}

/** Counts, and numbers what occurs several times, from the root downward. */
function countOccurrences(root: RecipeNode): void {
  root.occurrences = 1;
  const nodes = new Set([root]);
  for (const node of nodes) for (const child of node.children) nodes.add(child);
  // What a node is made of was made before it: in this order its own count is whole when it is added to theirs.
  for (const node of [...nodes].sort((a, b) => b.serial - a.serial))
    for (const child of node.children) child.occurrences += node.occurrences;
  [...nodes].filter(({ occurrences }) => occurrences > 1).forEach((node, i) => (node.shared = i + 1));
}

type Reading = (reader: RecipeReader, value: unknown, where: string, depth: number) => RecipeNode;

class RecipeReader {
  private readonly known = new Map<string, RecipeNode>();

  constructor(private readonly store: VmoStore) {}

  /** `where` names the place of `value` in the recipe. */
  read(value: unknown, where: string, depth: number): RecipeNode {
    if (depth > DEPTH_MAX) throw new Failure(`the recipe has more than ${DEPTH_MAX} extents within one another`);
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    const [kind = '', content] = entries[0] ?? [];
    if (entries.length !== 1 || !Object.hasOwn(READINGS, kind))
      throw new Failure(`${where} is not an object with one of ${Object.keys(READINGS).join(', ')}`);
    return READINGS[kind]!(this, content, `${where}.${kind}`, depth);
  }

  bytes(value: unknown, where: string): RecipeNode {
    const bytes = hex(value, where);
    return this.once(`bytes ${String(value)}`, () => {
      const handle = this.store.fromBytes(bytes);
      return ['bytes', '', `${count(bytes.length)}${shown(bytes)}`, [], handle, { bytes: value }];
    });
  }

  pattern(value: unknown, where: string): RecipeNode {
    const length = whole(value, where);
    if (length > PATTERN_MAX) throw new Failure(`${where} ${length} exceeds ${PATTERN_MAX}`);
    return this.once(`pattern ${length}`, () => {
      const handle = this.store.fromBytes(Uint8Array.from({ length }, (_, i) => (7 * i + (i >> 8)) & 255));
      return ['bytes', 'pattern', count(length), [], handle, { pattern: length }];
    });
  }

  zeros(value: unknown, where: string): RecipeNode {
    const length = whole(value, where);
    return this.once(`zeros ${length}`, () => ['zeros', '', count(length), [], this.store.zeros(length), {}]);
  }

  slice(value: unknown, where: string, depth: number): RecipeNode {
    const [recipe, from, size] = list(value, where, 3);
    const base = this.read(recipe, `${where}[0]`, depth + 1);
    const [offset, length] = [whole(from, `${where}[1]`), whole(size, `${where}[2]`)];
    return this.once(`slice ${base.serial} ${offset} ${length}`, () => {
      const handle = tried(where, () => this.store.slice(base.handle, offset, length));
      return ['slice', '', `${count(length)} from ${offset}`, [base], handle, { offset }];
    });
  }

  concat(value: unknown, where: string, depth: number): RecipeNode {
    const parts = list(value, where).map((part, i) => this.read(part, `${where}[${i}]`, depth + 1));
    return this.once(`concat ${parts.map(({ serial }) => serial).join(' ')}`, () => {
      const handle = tried(where, () => this.store.concat(parts.map((part) => part.handle)));
      return ['concat', '', `${count(handle.length)}, ${parts.length} parts`, parts, handle, {}];
    });
  }

  delta(value: unknown, where: string, depth: number): RecipeNode {
    const [recipe, patchList] = list(value, where, 2);
    const base = this.read(recipe, `${where}[0]`, depth + 1);
    const patches = list(patchList, `${where}[1]`).map((patch, i) => {
      const [offset, bytes] = list(patch, `${where}[1][${i}]`, 2);
      return { offset: whole(offset, `${where}[1][${i}][0]`), bytes: hex(bytes, `${where}[1][${i}][1]`) };
    });
    return this.once(`delta ${base.serial} ${JSON.stringify(patchList)}`, () => {
      const handle = tried(where, () => this.store.delta(base.handle, patches));
      const told = patches.slice(0, 3).map(({ offset, bytes }) => `${count(bytes.length)} at ${offset}${shown(bytes)}`);
      if (patches.length > told.length) told.push(`${patches.length - told.length} more patches`);
      return ['delta', '', [count(handle.length), ...told].join(', '), [base], handle, { patches: patchList }];
    });
  }

  /** The extent of that `key`, made when it comes for the first time. */
  private once(key: string, make: () => NodeParts): RecipeNode {
    let node = this.known.get(key);
    if (node === undefined) {
      const [kind, name, detail, children, handle, details] = make();
      node = new RecipeNode(kind, name, detail, children, handle, this.known.size, details);
      this.known.set(key, node);
    }
    return node;
  }
}

type NodeParts = readonly [
  kind: NodeKind,
  name: string,
  detail: string,
  children: readonly RecipeNode[],
  handle: VmoHandle,
  details: Readonly<Record<string, unknown>>,
];

const READINGS: Readonly<Record<string, Reading>> = {
  bytes: (reader, value, where) => reader.bytes(value, where),
  pattern: (reader, value, where) => reader.pattern(value, where),
  zeros: (reader, value, where) => reader.zeros(value, where),
  slice: (reader, value, where, depth) => reader.slice(value, where, depth),
  concat: (reader, value, where, depth) => reader.concat(value, where, depth),
  delta: (reader, value, where, depth) => reader.delta(value, where, depth),
};

/** What the store refuses is a mistake in the recipe. */
function tried(where: string, make: () => VmoHandle): VmoHandle {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) throw new Failure(`${where}: ${error.message}`);
    throw error;
  }
}

function list(value: unknown, where: string, length?: number): unknown[] {
  if (Array.isArray(value) && (length === undefined || value.length === length)) return value;
  throw new Failure(`${where} is not a list${length === undefined ? '' : ` of ${length}`}`);
}

function hex(value: unknown, where: string): Uint8Array {
  if (typeof value === 'string' && /^([0-9a-f]{2})*$/i.test(value)) return Buffer.from(value, 'hex');
  throw new Failure(`${where} is not a text of pairs of hexadecimal digits`);
}

/** A number, or a SIZE as a text. */
function whole(value: unknown, where: string): number {
  const number = typeof value === 'string' ? parseSize(value, where, { least: 0 }) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= MAX_VMO_BYTES) return number;
  throw new Failure(`${where} is not a whole number from 0 to ${MAX_VMO_BYTES}`);
}

function count(bytes: number): string {
  return bytes === 1 ? '1 byte' : `${bytes} bytes`;
}

function shown(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  const more = bytes.length > SHOWN_BYTES ? '...' : '';
  return `: ${Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex')}${more}`;
}
