import type { Alarm, Alarms } from '../../tasks/alarms.js';
import type { Signals } from './signals.js';

/** What an alarm of Linux needs when it rings. */
export interface Ringer {
  readonly signals: Signals;
  readonly alarms: Alarms;
  /** Wakes those that wait for a file: see `FileSystem.takeNumber`. */
  wakeFile(number: number): void;
}

/** Where alarms are set: by the machine's time, or by that in which a program has run. */
export interface AlarmQueue {
  add(alarm: RingingAlarm, deadline: number): void;
  /** No effect on one that is not set. */
  remove(alarm: RingingAlarm): void;
}

/** An alarm that does something by itself when its deadline has come. */
export interface RingingAlarm extends Alarm {
  ring(ringer: Ringer, now: number): void;
}

/** A deadline that repeats, in ticks of the machine. Times are in ticks, which are nanoseconds. */
export interface TimerSetting {
  /** Until it rings; 0 for one that is not set. */
  readonly value: number;
  /** Between the times that it rings after that; 0: it rings once. */
  readonly interval: number;
}
