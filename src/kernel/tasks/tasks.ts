import type { Cpu } from '../../cpu/cpu.js';
import { schema, value } from '../../state/schema.js';
import type { Pager } from '../memory/pager.js';
import type { WorkMeter } from '../work-meter.js';
import { CurrentThread } from './current-thread.js';
import { ProcessTable } from './process-table.js';
import { Scheduler } from './scheduler.js';
import { ThreadTable } from './thread-table.js';
import { Waits } from './waits.js';

/** The processes and threads of a machine, which of them have turns, and what the others wait for. */
export class Tasks {
  static readonly state = schema(
    'tasks',
    Tasks,
    { processes: value, threads: value, scheduler: value, waits: value, current: value },
    { isPart: true },
  );

  readonly processes = new ProcessTable();
  readonly threads = new ThreadTable();
  readonly scheduler = new Scheduler();
  readonly waits = new Waits(this.scheduler);
  readonly current: CurrentThread;

  constructor(cpu: Cpu, pager: Pager, work: WorkMeter) {
    this.current = new CurrentThread(cpu, pager, work);
  }
}
