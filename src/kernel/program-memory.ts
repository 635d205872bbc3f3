import { outside, schema, value } from '../state/schema.js';
import { HOST_BYTES, HostMemory } from './host-memory.js';
import type { KernelOptions } from './kernel-options.js';
import { AddressSpace } from './memory/address-space.js';
import { Pager } from './memory/pager.js';
import { UserMemory } from './memory/user-memory.js';
import type { SteppedNames } from './names.js';
import { KnownImages } from './program/known-images.js';
import type { WorkMeter } from './work-meter.js';

/** The memory of all programs: the one address space, what lies in it, and what the machine's objects take of the host's memory. */
export class ProgramMemory {
  static readonly state = schema(
    'program memory',
    ProgramMemory,
    {
      hostMemory: value,
      space: value,
      pager: value,
      user: outside('a view of parts that are described'),
      images: outside('a cache by content'),
    },
    { isPart: true },
  );

  /** What the machine's objects take of the host's memory, and may. */
  readonly hostMemory: HostMemory;
  readonly space: AddressSpace;
  readonly pager: Pager;
  /** By home addresses, for nobody in particular. */
  readonly user: UserMemory;
  readonly images = new KnownImages();

  constructor(options: KernelOptions, names: SteppedNames, work: WorkMeter) {
    const { cpu, store, pool, hostBytes, writeBackBytes = 0 } = options;
    this.hostMemory = new HostMemory(hostBytes, () => store.hostBytes + names.heldNames * HOST_BYTES.name);
    this.space = new AddressSpace(this.hostMemory, work);
    this.pager = new Pager(cpu.linearMemory, pool, this.space, writeBackBytes, this.hostMemory, work, () => cpu.ticks);
    this.user = new UserMemory(cpu.linearMemory, this.space, this.pager);
  }
}
