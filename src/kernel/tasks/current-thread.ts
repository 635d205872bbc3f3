import type { Cpu } from '../../cpu/cpu.js';
import { outside, schema, value } from '../../state/schema.js';
import type { Pager } from '../memory/pager.js';
import { enableSystemCalls } from '../program/cpu-setup.js';
import { EFFORT, type WorkMeter } from '../work-meter.js';
import type { Thread } from './thread.js';

/** The thread whose registers the CPU holds. */
export class CurrentThread {
  static readonly state = schema(
    'current thread',
    CurrentThread,
    {
      running: value,
      cpu: outside('described by itself'),
      pager: outside('described by itself'),
      work: outside('a measure of the host'),
    },
    {
      isPart: true,
      restored: ({ cpu, running }) => {
        if (running) cpu.codeStops.switchTo(running);
      },
    },
  );

  private running: Thread | undefined;

  constructor(
    private readonly cpu: Cpu,
    private readonly pager: Pager,
    private readonly work: WorkMeter,
  ) {}

  get thread(): Thread | undefined {
    return this.running;
  }

  /** Puts the registers where the thread keeps them, too. */
  save(): void {
    this.running?.save(this.cpu.state);
  }

  /** A context switch: registers, and the view where one of both threads has one. */
  switchTo(thread: Thread): void {
    this.load(thread);
    this.pager.pageTable.switchView(thread.process.view);
  }

  /** Sets the first registers of a new thread: `set` finds it in the CPU, which goes back to the thread before. */
  begin(thread: Thread, set: () => void): void {
    const before = this.running;
    this.load(thread);
    set();
    if (before) this.load(before);
  }

  /** Calls `use` while the CPU holds the registers of a thread, and goes back to the thread before. */
  use<T>(thread: Thread, use: () => T): T {
    const before = this.running;
    this.load(thread);
    try {
      return use();
    } finally {
      if (before) this.load(before);
    }
  }

  forget(thread: Thread): void {
    if (this.running === thread) this.running = undefined;
  }

  private load(thread: Thread): void {
    if (this.running === thread) return;
    const { cpu } = this;
    this.work.add(EFFORT.switch);
    this.save();
    thread.restore(cpu.state);
    cpu.codeStops.switchTo(thread);
    enableSystemCalls(cpu, thread.process.linux !== undefined);
    this.running = thread;
  }
}
