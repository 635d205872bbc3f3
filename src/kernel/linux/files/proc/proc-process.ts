import type { LinuxProcess } from '../../linux-process.js';
import type { AddressSpace } from '../../../memory/address-space.js';
import type { UserMemory } from '../../../memory/user-memory.js';
import { TracedMemory } from '../../tracing/traced-memory.js';
import { processText } from './process-texts.js';
import type { ProcProcess } from './source.js';

/** What /proc tells of a process: taken from it when it is asked for, since one is made for each name that is looked up. */
export class LinuxProcProcess implements ProcProcess {
  constructor(
    readonly pid: number,
    private readonly process: LinuxProcess,
    private readonly parts: { readonly memory: UserMemory; readonly space: AddressSpace },
  ) {}

  get files(): ProcProcess['files'] {
    return this.process.files;
  }

  get place(): ProcProcess['place'] {
    return this.process.place;
  }

  get program(): string {
    return this.process.program.path;
  }

  get commandLine(): Uint8Array {
    return joined(this.process.program.argv);
  }

  get environment(): Uint8Array {
    return joined(this.process.program.environment);
  }

  get auxiliary(): Uint8Array {
    return this.process.program.auxiliary;
  }

  get memory(): TracedMemory {
    return new TracedMemory(this.parts.space, this.parts.memory, this.process.signals.process);
  }

  get run(): object {
    return this.process.memory;
  }

  get isAlive(): boolean {
    return this.process.family.status === undefined;
  }

  get threads(): readonly number[] {
    const { pid } = this;
    return this.isAlive ? this.process.signals.process.threads.map(({ linux }) => linux?.tid ?? pid) : [pid];
  }

  text(name: string): string | undefined {
    return processText(this.process, name);
  }
}

/** Strings, each with a NUL. */
function joined(strings: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(strings.reduce((total, { length }) => total + length + 1, 0));
  let at = 0;
  for (const each of strings) {
    bytes.set(each, at);
    at += each.length + 1;
  }
  return bytes;
}
