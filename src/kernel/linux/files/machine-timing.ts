import type { Alarms } from '../../tasks/alarms.js';
import type { Waits } from '../../tasks/waits.js';
import type { MachineParts } from './proc/linux-proc.js';
import type { Timing } from './file-system.js';

/** Where the time of the machine comes from, and those who wait. */
export interface TimingHost extends MachineParts {
  readonly waits: Waits;
  readonly scheduler: { readonly alarms: Alarms };
}

/** The time of the machine, for files that tell it. */
export class MachineTiming implements Timing {
  constructor(private readonly host: TimingHost) {}

  get alarms(): Alarms {
    return this.host.scheduler.alarms;
  }

  get tick(): number {
    return this.host.cpu.ticks;
  }
}
