import { schema, value } from '../../../state/schema.js';

/** The events that a master in packet mode reads: TIOCPKT_ of include/uapi/asm-generic/ioctls.h */
const EVENTS = { FLUSHREAD: 1, FLUSHWRITE: 2, STOP: 4, START: 8, NOSTOP: 16, DOSTOP: 32 } as const;
export type PacketEvent = keyof typeof EVENTS;

/** Events of which the later one takes the place of the other. */
const OPPOSITES: readonly (readonly [PacketEvent, PacketEvent])[] = [
  ['STOP', 'START'],
  ['NOSTOP', 'DOSTOP'],
];

/**
 * The packet mode of a pseudo-terminal, TIOCPKT of ioctl_tty(2): what the master reads begins with a byte, which is 0 before output
 * of the slave, and otherwise tells what has happened to that.
 */
export class PacketMode {
  static readonly state = schema('packet mode', PacketMode, { on: value, events: value });

  private on = false;
  /** Bits of what the master was not told yet. */
  events = 0;

  get isOn(): boolean {
    return this.on;
  }

  set isOn(isOn: boolean) {
    if (isOn && !this.on) this.events = 0;
    this.on = isOn;
  }

  get hasEvents(): boolean {
    return this.on && this.events !== 0;
  }

  /** Adds events. Returns whether the master gets them. */
  add(events: readonly PacketEvent[]): boolean {
    if (!this.on) return false;
    for (const event of events) {
      const opposite = OPPOSITES.find((pair) => pair.includes(event))?.find((each) => each !== event);
      this.events = (this.events & ~(opposite ? EVENTS[opposite] : 0)) | EVENTS[event];
    }
    return true;
  }

  /** Forgets the events after the master has read them. Returns whether there were any. */
  takeEvents(): boolean {
    const { hasEvents } = this;
    if (hasEvents) this.events = 0;
    return hasEvents;
  }
}
