import type { FenceVerdict } from '../../cpu/evaluator/fenced-execution.js';
import { WriteFence, unionOf, type AddressRange } from '../../mmu/fence.js';
import { HOST_BYTES, HostMemory } from '../host-memory.js';
import type { View } from '../memory/view.js';
import type { Process } from '../tasks/process.js';
import { derived, kept, schema, value } from '../../state/schema.js';

/** Ranges that a thread is granted, at most: those that touch are one. */
export const MOST_GRANTS = 256;

/** What debug mode knows of one thread. */
export class ThreadGuard {
  static readonly state = schema('thread guard', ThreadGuard, {
    isOn: value,
    verdict: value,
    grants: value,
    lastFence: derived('made again from the regions and grants', () => undefined),
    fencedMaps: derived('of the fence', () => 0),
    fencedView: derived('of the fence', () => undefined),
    hostMemory: kept('the one account of the machine'),
  });

  /** Whether the thread is in debug mode. */
  isOn = false;
  /** What the current instruction does with the refused bytes; undefined before the host was asked. */
  verdict: FenceVerdict | undefined;
  private grants: readonly AddressRange[] = [];
  private lastFence: WriteFence | undefined;
  /** `mapChanges` of the process when that was made. */
  private fencedMaps = 0;
  /** The view of the process when that was made. */
  private fencedView: View | undefined;

  constructor(private readonly hostMemory = new HostMemory()) {}

  /** Ranges that the thread is granted. */
  get grantCount(): number {
    return this.grants.length;
  }

  /** Lets the thread write a range. False, with nothing changed, where that makes too many. Throws HostMemoryError. */
  grant(range: AddressRange): boolean {
    const grants = unionOf([...this.grants, range]);
    if (grants.length > MOST_GRANTS) return false;
    if (grants.length > this.grants.length) this.hostMemory.require(HOST_BYTES.grant);
    this.setGrants(grants);
    return true;
  }

  /** A thread begins with what the one that spawned it had. */
  inherit(from: ThreadGuard): void {
    this.isOn = from.isOn;
    this.setGrants(from.grants);
  }

  /** Takes back all grants, when the thread has ended. */
  clear(): void {
    this.setGrants([]);
  }

  /** Forgets the fence, which is made again when it is needed: only the thread that runs has one. */
  dropFence(): void {
    this.lastFence = undefined;
  }

  private setGrants(grants: readonly AddressRange[]): void {
    this.hostMemory.release('grant', this.grants.length);
    this.hostMemory.charge('grant', grants.length);
    this.grants = grants;
    this.lastFence = undefined;
  }

  /** What the thread may write; undefined: everything. The same object until something of it changes. */
  fence(process: Process): WriteFence | undefined {
    if (!this.isOn) return undefined;
    if (!this.hasFence(process)) this.lastFence = this.fenceFor(process);
    this.fencedMaps = process.mapChanges;
    this.fencedView = process.view;
    return this.lastFence;
  }

  /** Whether `fence` has nothing to make. */
  hasFence(process: Process): boolean {
    const { mapChanges, view } = process;
    return this.lastFence !== undefined && this.fencedMaps === mapChanges && this.fencedView === view;
  }

  /** By home addresses, for stores of the kernel, and by those at which the process sees the same. */
  private fenceFor({ regions, maps, view }: Process): WriteFence {
    const owned = [...regions, ...maps];
    if (!view) return new WriteFence(owned, this.grants);
    const ownedSeen = [...owned, ...view.windowsOf(owned)];
    return new WriteFence(ownedSeen, [...this.grants, ...view.windowsOf(this.grants)]);
  }
}
