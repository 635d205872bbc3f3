import type { VmoHandle } from '../vmo/handle.js';
import { OrderedList } from './ordered-list.js';
import { finished, type Steps } from '../vmo/steps.js';
import type { VmoStore } from '../vmo/store.js';
import { MAX_NAME_BYTES } from './program/header-page.js';
import { derived, outside, schema, value } from '../state/schema.js';

/** The outcome of a publication: done, another publisher was first, or the name belongs to the host and cannot be removed. */
export type PublishOutcome = 'done' | 'changed' | 'read-only';

/** What a name must stand for so that it is changed: a VMO with these bytes, nothing, or anything. */
export type ExpectedContent = VmoHandle | undefined | 'anything';

/**
 * Names of VMOs, as the host has them: the files of a machine. Names are as `isName` tells. What changes here between two
 * calls, through others, is input of the machine.
 */
export interface NameSpace {
  /** The VMO of a name, by a new handle, which the caller closes; undefined if there is none. Its id can be opened. */
  lookup(name: string): VmoHandle | undefined;
  /** Makes a name stand for a VMO, or for nothing, if it stands for what is expected: one step, durable when it answers. */
  publish(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): PublishOutcome;
  /**
   * As `lookup` and `publish`, in steps, for names that take the host long. Each step returns the bytes moved, for which time
   * passes in the machine, the same for the same content; or 0 if none does. `publish` is given VMOs that are hashed. No time
   * passes again for the first steps, which `progress` counts.
   */
  lookupInSteps?(name: string, progress?: NameProgress): Steps<VmoHandle | undefined, number>;
  publishInSteps?(
    name: string,
    vmo: VmoHandle | undefined,
    expected: ExpectedContent,
    progress?: NameProgress,
  ): Steps<PublishOutcome, number>;
  /** All names, in any order; ascending, as `compareNames` has it, costs least. Each may take the host a little time. */
  names(): Iterable<string>;
  /** At most `count` names, from number `first` on, ascending; for a name space that finds them without looking at all. */
  list?(first: number, count: number): NameList;
  /** Names that it keeps in memory, which count among what the machine takes of the host's; none, if not given. */
  readonly heldNames?: number;
  /** The VMO of an identity that the machine's store does not know, by a new handle; undefined if no host has it. */
  open(id: string): VmoHandle | undefined;
  /** What of it belongs to the machine: an object that describes its state. Undefined if all of it is the host's. */
  readonly own?: object | undefined;
}

/** Some names, ascending, and how many there are in all. */
export interface NameList {
  readonly names: readonly string[];
  readonly total: number;
}

/** How far a lookup or a publication is: steps for which time has passed. Given to a new one, it goes on from there. */
export interface NameProgress {
  steps: number;
}

/** Names that do everything in steps. */
export interface SteppedNames extends NameSpace {
  lookupInSteps(name: string, progress?: NameProgress): Steps<VmoHandle | undefined, number>;
  publishInSteps(
    name: string,
    vmo: VmoHandle | undefined,
    expected: ExpectedContent,
    progress?: NameProgress,
  ): Steps<PublishOutcome, number>;
  readonly heldNames: number;
  /** Whether all names are part of the machine's state. */
  readonly isAllOwn: boolean;
  /** At most `count` names, from number `first` on, ascending. No time passes for its steps. */
  listInSteps(first: number, count: number): Steps<NameList, number>;
}

/** What makes the names of a machine over its store. */
export type MakeNameSpace = (store: VmoStore) => NameSpace;

/** Names that live as long as the machine. */
export class MemoryNames implements NameSpace {
  /** @internal */
  static readonly state = schema(
    'names',
    MemoryNames,
    {
      vmos: value,
      ascending: derived('the names in order', () => new OrderedList(compareNames)),
      store: outside('of the machine'),
    },
    {
      isPart: true,
      restored: (names) => {
        for (const name of names.vmos.keys()) names.ascending.add(name);
      },
    },
  );

  private readonly vmos = new Map<string, VmoHandle>();
  private readonly ascending = new OrderedList(compareNames);

  constructor(private readonly store: VmoStore) {}

  get heldNames(): number {
    return this.vmos.size;
  }

  lookup(name: string): VmoHandle | undefined {
    const vmo = this.vmos.get(name);
    return vmo && this.again(vmo);
  }

  /** The VMO of a name by the handle that is kept here, which must not be closed. @internal */
  peek(name: string): VmoHandle | undefined {
    return this.vmos.get(name);
  }

  publish(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): PublishOutcome {
    const before = this.vmos.get(name);
    if (expected !== 'anything' && before?.id !== expected?.id) return 'changed';
    if (vmo) this.vmos.set(name, this.again(vmo));
    else this.vmos.delete(name);
    if (vmo) this.ascending.add(name);
    else this.ascending.delete(name);
    before?.close();
    return 'done';
  }

  names(): Iterable<string> {
    return this.ascending;
  }

  list(first: number, count: number): NameList {
    return { names: this.ascending.slice(first, count), total: this.ascending.size };
  }

  open(): VmoHandle | undefined {
    return undefined;
  }

  get own(): object {
    return this;
  }

  /** Another handle on a VMO, whose id can be opened. */
  private again(vmo: VmoHandle): VmoHandle {
    const handle = this.store.slice(vmo, 0, vmo.length);
    void handle.id;
    return handle;
  }
}

/** Names that are looked at in a step: some hundred microseconds. */
const NAMES_IN_STEP = 512;

/** Of UTF-8, for a code unit of UTF-16. */
const MOST_BYTES_OF_UNIT = 3;

/** What name spaces returned: identities, names, or what became of a publication. */
export type NameInput =
  | { readonly kind: 'lookup'; readonly name: string; readonly id: string | undefined }
  | { readonly kind: 'open'; readonly id: string; readonly isThere: boolean }
  | { readonly kind: 'publish'; readonly name: string; readonly outcome: PublishOutcome }
  /** A step on the way to the answer of a lookup or a publication, for which time passes. */
  | { readonly kind: 'step'; readonly name: string; readonly bytes: number }
  /** Names that were listed: all there are, or, of names that the machine itself keeps, those that it was given. */
  | { readonly kind: 'names'; readonly names: readonly string[] };

/** Names that report each answer. */
export class WatchedNames implements SteppedNames {
  constructor(
    private readonly inner: NameSpace,
    private readonly tell: (input: NameInput) => void,
  ) {}

  lookup(name: string): VmoHandle | undefined {
    return finished(this.lookupInSteps(name));
  }

  *lookupInSteps(name: string, progress: NameProgress = { steps: 0 }): Steps<VmoHandle | undefined, number> {
    if (!isName(name)) return undefined;
    const { inner } = this;
    const vmo = inner.lookupInSteps
      ? yield* this.watched(name, inner.lookupInSteps(name, progress), progress)
      : inner.lookup(name);
    this.tell({ kind: 'lookup', name, id: vmo?.id });
    return vmo;
  }

  publish(name: string, vmo: VmoHandle | undefined, expected: ExpectedContent): PublishOutcome {
    return finished(this.publishInSteps(name, vmo, expected));
  }

  *publishInSteps(
    name: string,
    vmo: VmoHandle | undefined,
    expected: ExpectedContent,
    progress: NameProgress = { steps: 0 },
  ): Steps<PublishOutcome, number> {
    const { inner } = this;
    const outcome = inner.publishInSteps
      ? yield* this.watched(name, inner.publishInSteps(name, vmo, expected, progress), progress)
      : inner.publish(name, vmo, expected);
    this.tell({ kind: 'publish', name, outcome });
    return outcome;
  }

  names(): readonly string[] {
    return finished(this.listInSteps(0, Infinity)).names;
  }

  *listInSteps(first: number, count: number): Steps<NameList, number> {
    const { inner } = this;
    if (inner.list) {
      const list = inner.list(first, count);
      this.tell({ kind: 'names', names: list.names });
      return list;
    }
    const all = yield* sortedInSteps(inner.names());
    this.tell({ kind: 'names', names: all });
    return { names: all.slice(first, first + count), total: all.length };
  }

  get heldNames(): number {
    return this.inner.heldNames ?? 0;
  }

  open(id: string): VmoHandle | undefined {
    const vmo = this.inner.open(id);
    this.tell({ kind: 'open', id, isThere: vmo !== undefined });
    return vmo;
  }

  get own(): object | undefined {
    return this.inner.own;
  }

  get isAllOwn(): boolean {
    return this.inner.own === this.inner;
  }

  /** The steps after those that `progress` counts already. */
  private *watched<T>(name: string, steps: Steps<T, number>, progress: NameProgress): Steps<T, number> {
    let known = progress.steps;
    try {
      for (let step = steps.next(); ; step = steps.next()) {
        if (step.done) return step.value;
        if (step.value > 0 && known-- > 0) continue;
        if (step.value > 0) {
          progress.steps++;
          this.tell({ kind: 'step', name, bytes: step.value });
        }
        yield step.value;
      }
    } finally {
      // Where the call was given up.
      steps.return(undefined as T);
    }
  }
}

/**
 * True for what can be a name: 1 to 63 bytes of UTF-8, parts with `/` between them, none of them empty, `.` or `..`, and no
 * control characters. A durable store takes the same (host/store/names.ts).
 */
export function isName(name: string): boolean {
  if (name.length < 1 || name.length > MAX_NAME_BYTES || /[\p{Cc}\p{Cs}]/u.test(name)) return false;
  if (name.length > MAX_NAME_BYTES / MOST_BYTES_OF_UNIT && new TextEncoder().encode(name).length > MAX_NAME_BYTES)
    return false;
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** Names ascending by their bytes, each once; what is not a name is left out. */
export function sortedNames(names: Iterable<string>): string[] {
  return finished(sortedInSteps(names));
}

/** As `sortedNames`, in steps of so many names. Those that come in ascending order are not moved. */
function* sortedInSteps(names: Iterable<string>): Steps<string[], number> {
  const ascending: string[] = [];
  const others = new OrderedList(compareNames);
  let seen = 0;
  for (const name of names) {
    if (++seen % NAMES_IN_STEP === 0) yield 0;
    if (!isName(name)) continue;
    const last = ascending.at(-1);
    if (last === undefined || compareNames(last, name) < 0) ascending.push(name);
    else others.add(name);
  }
  return others.size === 0 ? ascending : [...mergedNames(ascending, others)];
}

/** Two ascending sequences of names as one, in which each name stands once. */
export function* mergedNames(a: Iterable<string>, b: Iterable<string>): Generator<string, void, undefined> {
  const rest = b[Symbol.iterator]();
  let next = rest.next();
  for (const name of a) {
    for (; !next.done && compareNames(next.value, name) < 0; next = rest.next()) yield next.value;
    if (!next.done && next.value === name) next = rest.next();
    yield name;
  }
  for (; !next.done; next = rest.next()) yield next.value;
}

/** The order of names: that of their bytes in UTF-8, which is that of code points, and not that of UTF-16. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++)
    if (a.charCodeAt(at) !== b.charCodeAt(at)) return placeOf(a.charCodeAt(at)) - placeOf(b.charCodeAt(at));
  return a.length - b.length;
}

/** The place of a code unit in the order of code points: surrogates of code points beyond FFFF come after all others. */
function placeOf(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
