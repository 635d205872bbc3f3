import type { Kernel } from '../../kernel/kernel.js';
import { pidText } from '../../kernel/tasks/process-table.js';
import { foregroundOf } from '../../kernel/terminal/foreground.js';
import type { BackgroundProcess } from '../protocol.js';

/** Processes that are remembered; of more, those that wrote first are forgotten. */
const PROCESSES_MAX = 32;

/** Processes that have written to the console while another one was in the foreground. */
export class BackgroundProcesses {
  private readonly titles = new Map<number, string>();

  constructor(private readonly kernel: () => Kernel) {}

  /** A process writes. Returns whether it is in the background: the descendants of a Linux program count as that program. */
  notice(pid: number): boolean {
    if (this.titles.has(pid)) return true;
    const { processes } = this.kernel();
    const foreground = foregroundOf(processes)?.process;
    const writer = processes.find(pid);
    if (!writer || !foreground || foreground === writer || foreground.linux) return false;
    this.titles.set(pid, `${writer.description.name} ${pidText(pid)}`);
    const [oldest] = this.titles.keys();
    if (this.titles.size > PROCESSES_MAX) this.titles.delete(oldest!);
    return true;
  }

  get all(): BackgroundProcess[] {
    const { processes } = this.kernel();
    return [...this.titles].map(([pid, title]) => ({ pid, title, isLive: processes.find(pid) !== undefined }));
  }
}
