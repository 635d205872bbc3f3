import { schema, value } from '../../../../state/schema.js';
import type { Alarms } from '../../../tasks/alarms.js';
import { LAST_DEADLINE } from '../../../tasks/thread.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import type { Ringer, RingingAlarm, TimerSetting } from '../../signals/ringing.js';
import type { FileSystem } from '../file-system.js';
import type { Inode } from '../tree/inode.js';
import { OPEN_FILE_FIELDS, OpenFile, POLLIN, WAIT, type Deliver } from './open-file.js';

const COUNT_BYTES = 8;

/** What timerfd_create(2) makes: reading tells how often it has rung. One that repeats goes on when it is read: fs/timerfd.c. */
export class TimerFile extends OpenFile implements RingingAlarm {
  static readonly state = schema('timer file', TimerFile, {
    ...{ ...OPEN_FILE_FIELDS, number: value, isRealTime: value, deadline: value, interval: value, rung: value },
  });

  /** It goes by no time in which programs have run. */
  readonly clock = undefined;
  /** The tick at which it rings, or has rung last; Infinity while it is not set. */
  deadline = Infinity;
  private interval = 0;
  /** How often it has rung since it was read. */
  private rung = 0;

  constructor(
    inode: Inode,
    flags: number,
    private readonly number: number,
    /** It is set by CLOCK_REALTIME. */
    readonly isRealTime: boolean,
  ) {
    super(inode, flags);
  }

  set(alarms: Alarms, now: number, { value: first, interval }: TimerSetting): void {
    this.interval = interval;
    this.rung = 0;
    this.start(alarms, first === 0 ? Infinity : now + first);
  }

  ring(ringer: Ringer): void {
    this.rung = 1;
    ringer.wakeFile(this.number);
  }

  setting(alarms: Alarms, now: number): TimerSetting {
    this.goOn(alarms, now);
    const first = this.deadline === Infinity ? 0 : Math.max(0, this.deadline - now);
    return { value: first, interval: this.interval };
  }

  read(files: FileSystem, length: number, deliver: Deliver): number | typeof WAIT {
    if (length < COUNT_BYTES) throw new LinuxError(LinuxErrno.EINVAL);
    const { alarms, tick } = files.timing;
    this.goOn(alarms, tick);
    if (this.rung === 0) return WAIT;
    const bytes = new Uint8Array(COUNT_BYTES);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(this.rung), true);
    deliver(bytes);
    this.rung = 0;
    return COUNT_BYTES;
  }

  write(): never {
    throw new LinuxError(LinuxErrno.EINVAL);
  }

  override readiness(): number {
    return this.rung > 0 ? POLLIN : 0;
  }

  override get numbers(): readonly number[] {
    return [this.number];
  }

  override close(files: FileSystem): void {
    files.timing.alarms.remove(this);
    super.close(files);
  }

  /** Sets an expired timer that repeats again, and counts the expirations since. */
  private goOn(alarms: Alarms, now: number): void {
    if (this.deadline > now || this.interval === 0 || this.rung === 0) return;
    const passed = Math.floor((now - this.deadline) / this.interval) + 1;
    this.rung += passed - 1;
    this.start(alarms, this.deadline + passed * this.interval);
  }

  private start(alarms: Alarms, deadline: number): void {
    alarms.remove(this);
    this.deadline = deadline > LAST_DEADLINE ? Infinity : deadline;
    if (this.deadline < Infinity) alarms.add(this, this.deadline);
  }
}
