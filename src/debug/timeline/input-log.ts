import {
  isChange,
  type InputKind,
  type Inputs,
  type InputSource,
  type MachineChange,
  type MachineInput,
} from '../../kernel/inputs.js';
import type { Snapshot } from '../../snapshot.js';
import type { VmoImage } from '../../vmo/content/vmo.js';
import type { VmoStore } from '../../vmo/store.js';

/** Input as the log keeps it: a VMO without a handle, so that the machine does not notice that it is kept. */
type Logged =
  | Exclude<MachineInput, { kind: 'lookup' | 'open' | 'root part' | MachineChange['kind'] }>
  | {
      readonly tick: number;
      readonly kind: 'lookup' | 'open';
      readonly isOwn: boolean;
      readonly image: VmoImage | undefined;
    }
  | (Omit<Extract<MachineInput, { kind: 'root part' }>, 'vmo'> & { readonly image: VmoImage | undefined })
  /** Somebody changed the machine: the state afterwards. */
  | { readonly tick: number; readonly kind: 'changed'; readonly snapshot: Snapshot };

/** Everything that came from outside, in its order, and a place in it from which a replay goes on. */
export class InputLog implements InputSource {
  /** How many of the inputs have been taken, or were recorded. */
  cursor = 0;
  private readonly inputs: Logged[] = [];
  private readonly countBefore: number;
  /** The number of inputs of the machine up to each of these: see `Inputs.count`. */
  private readonly counts: number[] = [];

  constructor(
    private readonly store: VmoStore,
    private readonly all: Inputs,
  ) {
    this.countBefore = all.count;
  }

  /** Adds what came from the host, except for changes: they are added with what the machine is after them. */
  add(input: MachineInput): void {
    const { kind, tick } = input;
    if (isChange(input)) return;
    if (kind === 'lookup' || kind === 'open') {
      const isOwn = kind === 'lookup' && input.isOwn;
      this.push({ tick, kind, isOwn, image: isOwn ? undefined : input.vmo?.content.image });
    } else if (kind === 'root part') {
      const { vmo, ...rest } = input;
      this.push({ ...rest, image: vmo?.content.image });
    } else this.push(input);
  }

  /** Notes that the machine was changed at a tick, and what it is now. */
  addChange(tick: number, snapshot: Snapshot): void {
    this.push({ tick, kind: 'changed', snapshot });
  }

  /** The number of inputs of the machine up to the cursor. */
  get count(): number {
    return this.counts[this.cursor - 1] ?? this.countBefore;
  }

  /** Forgets what comes after the cursor. */
  truncate(): void {
    this.inputs.length = this.cursor;
    this.counts.length = this.cursor;
  }

  /** The next input that was not taken. */
  get next(): Logged | undefined {
    return this.inputs[this.cursor];
  }

  takeConsole(tick: number, misses: number): ReturnType<InputSource['takeConsole']> {
    const { next } = this;
    if (!next || !('misses' in next) || next.misses > misses) return undefined;
    return this.take(tick, 'console', 'console end');
  }

  take<Kind extends InputKind>(tick: number, ...kinds: Kind[]): Extract<MachineInput, { kind: Kind }> | undefined {
    const { next } = this;
    if (!next || next.tick !== tick || !(kinds as string[]).includes(next.kind)) return undefined;
    this.cursor++;
    const input = 'image' in next ? { ...next, vmo: next.image && this.store.revived(next.image) } : next;
    return input as unknown as Extract<MachineInput, { kind: Kind }>;
  }

  private push(input: Logged): void {
    this.inputs.push(input);
    this.counts.push(this.all.count);
    this.cursor = this.inputs.length;
  }
}
