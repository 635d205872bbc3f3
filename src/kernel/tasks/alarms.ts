import type { Deadlines } from './deadlines.js';

/** Something that happens at a tick, whatever threads do. Its class describes its state. */
export interface Alarm {
  /** Must not change while the alarm is set. */
  readonly deadline: number;
}

/** Alarms that are set. */
export type Alarms = Deadlines<Alarm>;
