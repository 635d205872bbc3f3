import type { DebugTarget, Stop, StopReason } from '../target.js';
import type { LoadedFiles } from './loaded-files.js';

/** Stops where processes of Linux come by when their libraries have changed, which the debugger does not know of. */
export class LibraryStops {
  private readonly byProcess = new Map<number, Stop>();

  constructor(
    private readonly target: DebugTarget,
    private readonly files: LoadedFiles,
  ) {}

  /** Must be called before the machine continues after processes may have started, ended, or begun other programs. */
  update(): void {
    const { target, byProcess } = this;
    const { processes } = target;
    for (const pid of byProcess.keys()) if (!processes.some((process) => process.pid === pid)) this.remove(pid);
    for (const process of processes) {
      const { pid } = process;
      const address = this.files.changeAddress(process);
      if (byProcess.get(pid)?.address === address) continue;
      this.remove(pid);
      if (address === undefined) continue;
      try {
        byProcess.set(pid, target.addStop({ kind: 'code', address, pid }));
      } catch (error) {
        // The memory of a guest may say anything.
        if (!(error instanceof RangeError)) throw error;
      }
    }
  }

  removeAll(): void {
    for (const pid of [...this.byProcess.keys()]) this.remove(pid);
  }

  /** Whether the machine has stopped for one of these. */
  isOf(reason: StopReason): boolean {
    return reason.kind === 'breakpoint' && [...this.byProcess.values()].includes(reason.stop);
  }

  /** Whether a thread that has reached a breakpoint stands at one of these as well. */
  isAt(reason: StopReason): boolean {
    if (reason.kind !== 'breakpoint' || this.byProcess.size === 0) return false;
    const pid = this.target.findThread(reason.tid)?.pid;
    return pid !== undefined && this.byProcess.get(pid)?.address === reason.stop.address;
  }

  private remove(pid: number): void {
    const stop = this.byProcess.get(pid);
    if (!stop) return;
    this.byProcess.delete(pid);
    this.target.removeStop(stop);
  }
}
