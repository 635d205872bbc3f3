import type { VmoHandle } from '../../../../vmo/handle.js';
import { replayed, type InputKind, type Inputs, type MachineInput } from '../../../inputs.js';
import type { LinuxErrno } from '../../errno.js';
import type { LinuxRoot, RootEntry, RootStatus } from './linux-root.js';

/** The files of the host on their way into the machine; in a replay they come from the record. */
export class InputRoot implements LinuxRoot {
  constructor(
    private readonly inputs: Inputs,
    private readonly host: LinuxRoot,
  ) {}

  status(path: string): RootStatus | LinuxErrno {
    if (this.inputs.source) return this.take('root status').answer;
    const answer = this.host.status(path);
    this.inputs.note({ tick: this.inputs.tick, kind: 'root status', path, answer });
    return answer;
  }

  list(path: string): readonly RootEntry[] | LinuxErrno {
    if (this.inputs.source) return this.take('root list').answer;
    const answer = this.host.list(path);
    this.inputs.note({ tick: this.inputs.tick, kind: 'root list', path, answer });
    return answer;
  }

  read(path: string, stamp: string, offset: number, length: number): VmoHandle | LinuxErrno {
    if (this.inputs.source) {
      const { vmo, errno } = this.take('root part');
      return vmo ?? errno!;
    }
    const answer = this.host.read(path, stamp, offset, length);
    const parts = typeof answer === 'number' ? { vmo: undefined, errno: answer } : { vmo: answer, errno: undefined };
    this.inputs.note({ tick: this.inputs.tick, kind: 'root part', path, ...parts });
    return answer;
  }

  /** A replay has no effect on the host. */
  keep(): void {
    if (!this.inputs.source) this.host.keep?.();
  }

  private take<Kind extends InputKind>(kind: Kind): Extract<MachineInput, { kind: Kind }> {
    const { source, tick } = this.inputs;
    return replayed(source!.take(tick, kind), tick, kind);
  }
}
