import type { Steps } from '../../vmo/steps.js';
import type { DebugMode } from '../reports/debug-mode.js';
import type { MapTarget } from '../memory/map-target.js';
import type { Region } from '../memory/region.js';
import { unloadInSteps } from '../memory/unload.js';
import type { WorkMeter } from '../work-meter.js';
import type { Process } from './process.js';
import { freeThreadStack, type StackTarget } from './thread-stacks.js';
import type { ThreadStack } from './thread.js';
import { derived, outside, schema } from '../../state/schema.js';

/** What a region that is given back takes, besides its pages, in units of effort. */
const REGION_EFFORT = 1;

/** Where the memory of processes and threads is given back to. */
export interface EndingTarget extends MapTarget, StackTarget {
  readonly debugMode: DebugMode;
  readonly work: WorkMeter;
}

/** What is left to do for processes and threads that have ended, in steps, before anything else happens in the machine. */
export class Endings {
  static readonly state = schema(
    'endings',
    Endings,
    {
      hasEnd: derived('what the host was not told yet', () => false),
      waiting: outside('empty where state is captured'),
      target: outside('the kernel'),
    },
    { isPart: true },
  );

  /** Whether a process has ended since `takeEnd` was called last. */
  hasEnd = false;
  private readonly waiting: Steps<void>[] = [];

  constructor(private readonly target: EndingTarget) {}

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** A process has ended: gives back the memory of regions in which none lives any more. */
  processEnded(regions: readonly Region[]): void {
    this.hasEnd = true;
    this.free(regions);
  }

  /** Gives back the memory of regions in which nobody lives any more. */
  free(regions: readonly Region[]): void {
    this.waiting.push(this.unloadInSteps(regions));
  }

  takeEnd(): boolean {
    const { hasEnd } = this;
    this.hasEnd = false;
    return hasEnd;
  }

  /** Takes back the stack of a thread of a process that goes on. */
  freeStack(process: Process, stack: ThreadStack): void {
    this.waiting.push(freeThreadStack(this.target, process, stack));
  }

  /** Does a step of it, where there is any. */
  takeStep(): void {
    if (this.waiting[0]?.next().done) this.waiting.shift();
  }

  /** Does all of it. */
  finish(): void {
    while (!this.isEmpty) this.takeStep();
  }

  private *unloadInSteps(regions: readonly Region[]): Steps<void> {
    const { debugMode, work } = this.target;
    for (const region of regions) {
      yield* unloadInSteps(this.target, region);
      debugMode.forget(region);
      work.add(REGION_EFFORT);
      yield;
    }
  }
}
