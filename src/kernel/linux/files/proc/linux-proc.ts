import type { Cpu } from '../../../../cpu/cpu.js';
import type { FramePool } from '../../../../vmo/frames/frame-pool.js';
import type { HostMemory } from '../../../host-memory.js';
import type { LinuxProcess } from '../../linux-process.js';
import type { Ipc } from '../../ipc/ipc.js';
import type { AddressSpace } from '../../../memory/address-space.js';
import type { UserMemory } from '../../../memory/user-memory.js';
import { ipcText } from './ipc-texts.js';
import { machineText } from './texts.js';
import { LinuxProcProcess } from './proc-process.js';
import type { ProcProcess, ProcSource } from './source.js';

/** Parts of the machine that /proc tells of. */
export interface MachineParts {
  readonly cpu: Cpu;
  readonly pool: FramePool;
  readonly hostMemory: HostMemory;
  readonly memory: UserMemory;
  readonly space: AddressSpace;
}

/** What all processes of Linux share, as far as /proc tells of it. */
export interface ProcSystem {
  readonly processes: ReadonlyMap<number, LinuxProcess>;
  readonly epoch: bigint;
  readonly ipc: Ipc;
  readonly random: { bytes(length: number): Uint8Array };
}

/** What /proc tells, of the processes that there are. */
export class LinuxProc implements ProcSource {
  constructor(
    private readonly system: ProcSystem,
    private readonly parts: MachineParts,
  ) {}

  get pids(): readonly number[] {
    return [...this.system.processes.keys()].sort((a, b) => a - b);
  }

  process(pid: number): ProcProcess | undefined {
    const process = this.system.processes.get(pid);
    return process && new LinuxProcProcess(pid, process, this.parts);
  }

  text(path: string): string | undefined {
    const { cpu, pool } = this.parts;
    const { epoch, processes, random, ipc } = this.system;
    const objects = ipcText(path, ipc);
    if (objects !== undefined) return objects;
    return machineText(path, {
      ...{
        now: cpu.ticks,
        epoch,
        model: cpu.model,
        memoryBytes: cpu.memory.size,
        frames: pool.counters,
        processes: processes.size,
      },
      random: () => random.bytes(16),
    });
  }
}
