/** What programs change in files of the host that are bound for writing, on its way there while they run. */

import type { Computer, LinuxRoot, VmoStore } from '../../index.js';
import { FileMirror } from '../../kernel/linux/files/mirror.js';
import { EMPTY_ROOT } from '../../kernel/linux/files/tree/linux-root.js';
import type { ByteText } from '../byte-text.js';
import { BoundRoot, type Bind } from './bound-root.js';
import { FoundRoot } from './found-root.js';
import { Spool } from './spool.js';
import { writeThrough, type WriteTarget } from './write-through.js';

/** Least time between two writings that no program waits for. */
const PAUSE_MS = 100;
/** Writing takes at most one part in so many of the time of a run. */
const SHARE = 20;
/** The same, where programs print: output waits for the writes before it. */
const SHARE_WITH_OUTPUT = 4;

/** Files of the host that are bound. */
export interface WrittenBind extends Bind {
  /** The path on the host, without symbolic links in it; undefined for files that are only read. */
  readonly writtenTo: ByteText | undefined;
}

/** How a slice of a run has ended. */
export interface SliceEnd {
  /** Nothing happens in the machine until something comes from outside. */
  readonly rests: boolean;
  readonly hasOutput: boolean;
}

/**
 * The machine keeps what it has found: see FoundRoot. What cannot be written is reported once, and tried again as long as the run
 * goes on.
 */
export class BoundWrites {
  /** True once programs want what they have written to be kept. */
  private isAsked = false;
  private writtenAt = performance.now();
  private costMs = 0;
  private readonly spool = new Spool();
  private readonly reported = new Set<string>();
  private binds: readonly WrittenBind[] = [];
  private targets: readonly WriteTarget[] = [];
  private mirrors: readonly FileMirror[] | undefined;

  /** `keepsAll`: what a run has found is wanted at its end. `report` gets a line for what cannot be written. */
  constructor(
    private readonly keepsAll: boolean,
    private readonly report: (line: string) => void,
  ) {}

  /** The root of a machine, in which files are bound. */
  makeRoot(root: LinuxRoot, binds: readonly WrittenBind[], store: VmoStore): LinuxRoot {
    this.binds = binds;
    const found = new Map(binds.map((bind) => [bind, new FoundRoot(store, bind.root, this.spool, this.keepsAll)]));
    const targets = binds.flatMap((bind) => this.targetOf(bind, found.get(bind)!));
    this.targets = targets;
    const bound = binds.map((bind) => (bind.writtenTo === undefined ? bind : { ...bind, root: found.get(bind)! }));
    return new BoundRoot(root, bound, () => (this.isAsked = true));
  }

  /** Between two slices of a run, before others see its output. */
  afterSlice(computer: Computer, { rests, hasOutput }: SliceEnd): void {
    const pauseMs = hasOutput ? SHARE_WITH_OUTPUT * this.costMs : Math.max(PAUSE_MS, SHARE * this.costMs);
    if (this.isAsked || rests || performance.now() - this.writtenAt >= pauseMs) this.write(computer);
  }

  /** Writes all that has changed; `isLast`: at the end of a run. */
  write(computer: Computer, isLast = false): void {
    if (this.targets.length === 0) return;
    const start = performance.now();
    this.isAsked = false;
    const now = new BoundRoot(EMPTY_ROOT, this.binds);
    const { fileSystem } = computer.parts.kernel.linux;
    this.mirrors ??= this.targets.map(({ guest }) => new FileMirror(fileSystem, { path: guest, now }));
    for (const [index, mirror] of this.mirrors.entries()) {
      const step = mirror.next(isLast);
      if (step) step.settle(writeThrough(step, this.targets[index]!, (line) => this.tell(line)));
    }
    this.writtenAt = performance.now();
    this.costMs = this.writtenAt - start;
    if (isLast) this.spool.close();
  }

  private targetOf({ writtenTo, guest }: WrittenBind, found: FoundRoot): WriteTarget[] {
    if (writtenTo === undefined) return [];
    const isOther = (path: string): boolean => this.binds.some((bind) => bind.guest === path && bind.guest !== guest);
    return [{ host: writtenTo, guest, found, isOther }];
  }

  private tell(line: string): void {
    if (this.reported.has(line)) return;
    this.reported.add(line);
    this.report(line);
  }
}
